#!/usr/bin/env python3
"""./dev bench quality: what profiles bring on real people, in the setting of docs/decisions/0003-training-recipe.md.

Two walks: the demo's default size and 88 people; PEMA's own form beside the shared adapter in the second, with its curves over lambda,
rank and epochs. The work folders are kept, so a second run is short; remove out/bench/work to measure times anew.
"""
import must

# Gains of the first prototype in nats per token (another choice of people moves the base, so gains are compared).
PROTOTYPE_GAINS = {"own_adapter": 0.508, "shared": 0.837, "random_separate": 0.891, "masks": 0.979,
                   "shared_own_adapter": 0.995, "masks_memory": 1.279}

# What another rank shares with the better start: option of `pema eval` by key of its result.
SAME_RECIPE = {"--kappa": "kappa", "--pema-dropout": "input_dropout", "--pema-rate": "learning_rate", "--batch-joint": "batch_joint",
               "--pema-epochs": "epochs", "--validate-every": "validate_every", "--pema-vocabulary": "vocabulary"}


def walk(pema, people, work):
    command = [pema, "demo", "--json", "--every-method", "--out", work]
    if people:
        command += ["--people", str(people)]
    return must.run_json(command)


def gains(report):
    return {method["id"]: method["gain"] for method in report["methods"]}


def own_form(pema, work, ranks):
    """The better start and the published one at their own settings, then the better start at other ranks."""
    command = [pema, "eval", "--json", "--people", "88", "--method", "pema", "--work", work]
    runs = must.run_json(command)["pema"]
    best = runs[0]
    for rank in ranks:
        # The better start wants s = 1, so alpha follows the rank.
        more = must.run_json(command + ["--start", best["start"], "--pema-rank", str(rank), "--alpha", str(rank)]
                             + [f"{option}={best[key]}" for option, key in SAME_RECIPE.items()])["pema"][0]
        more["id"] = f"rank_{rank}"
        runs.append(more)
    return runs


def own_keys(pema, work):
    """masks_memory, with constant weights and with the gate, with own segments whose keys are rounded, by type."""
    command = [pema, "eval", "--json", "--people", "88", "--method", "masks_memory", "--own-keys", "f32,f16,int8,pq", "--work", work]
    return {row["keys"]: row for row in must.run_json(command)["own_keys"]}


def promise_own_keys(promises, types):
    promises.at_most("88.own_keys.pq_bytes", 32, types["pq"]["key_bytes"], "bytes a key")
    for keys in ("int8", "pq"):
        promises.at_most(f"88.own_keys.{keys}", 0.03, types[keys]["worse_than_f32"],
                         f"nats per token more than with own keys in f32, {types[keys]['key_bytes']} bytes a key, constant weights")
        promises.at_most(f"88.own_keys.{keys}_gate", 0.03, types[keys]["worse_than_f32_gate"],
                         f"nats per token more than with own keys in f32, {types[keys]['key_bytes']} bytes a key, gate")


def held_out(pema, work):
    """The same methods with profiles that did not learn from the dev part after it had chosen."""
    return must.run_json([pema, "eval", "--json", "--people", "88", "--no-refit", "--work", work])


def show_held_out(promises, with_dev, without):
    """What the dev part brings once it teaches too; the promises under either way of enrolling."""
    conditions = f"{promises.conditions}; profiles learnt from the train part alone"
    both, alone = gains(with_dev), gains(without)
    promises.at_least("88.held_out.masks_over_shared", 1.13, alone["masks"] / alone["shared"], "ratio of gains", conditions)
    promises.at_least("88.held_out.masks_shared_memory_gate", 1.45, alone["masks_shared_memory_gate"] / alone["shared"], "ratio of gains", conditions)
    promises.at_least("88.held_out.masks_memory_gate", 1.75, alone["masks_memory_gate"] / alone["shared"], "ratio of gains", conditions)
    print("\ngain in nats per token: the dev part teaches once it has chosen, and held back")
    for method in both:
        print(f"  {method:26}{both[method]:8.3f}{alone[method]:8.3f}")


def show_curves(runs):
    print("\nPEMA's own form: NLL on new people by constant lambda (weight of P_pema)")
    points = [point["lambda"] for point in runs[0]["lambda_curve"]][::4]
    print("  " + "run".ljust(12) + "".join(f"{value:8.2f}" for value in points))
    for run in runs:
        print("  " + run["id"].ljust(12) + "".join(f"{point['nll']:8.3f}" for point in run["lambda_curve"][::4]))
    print("dev loss of the prediction (nats per token, lambda 1) by epoch")
    for run in runs:
        joint = [point for point in run["training_curve"] if point["stage"] == 2]
        print("  " + run["id"].ljust(12) + "".join(f"{point['dev_prediction']:8.3f}" for point in joint))
    print()


# Choices of masks and memory that are scored with constant weights and with the gate.
WEIGHED = ["shared", "masks", "shared_shared_memory", "masks_shared_memory", "shared_own_memory", "shared_memory", "masks_memory"]


def show_gate(promises, report):
    """Ratios to the gain of the shared adapter under its constant lambda; the gate's part is what it adds to the same sources."""
    by_id = {method["id"]: method for method in report["methods"]}
    gain = gains(report)
    promises.at_least("88.gate.masks_shared_memory", 1.45, gain["masks_shared_memory_gate"] / gain["shared"], "ratio of gains, 128 bytes a person")
    promises.at_least("88.gate.masks_memory", 1.75, gain["masks_memory_gate"] / gain["shared"], "ratio of gains, 128 bytes and own segment")
    for method in ("masks_shared_memory_gate", "masks_memory_gate"):
        promises.at_least(f"88.{method}.gaining_share", 1.0, by_id[method]["gaining_share"], "share of people who gain")
        promises.at_least(f"88.{method}.worst_gain", 0.0, by_id[method]["worst_gain"], "nats per token, the person who gains least")
    for method in WEIGHED[2:]:
        promises.at_least(f"88.gate.part.{method}", 0.0, gain[f"{method}_gate"] - gain[method], "nats per token that the gate adds")
    print("\ngain in nats per token: constant weights, gate, ratios to the shared adapter's")
    for method in WEIGHED:
        plain, gated = gain[method], gain[f"{method}_gate"]
        print(f"  {method:22}{plain:8.3f}{gated:8.3f}{plain / gain['shared']:8.3f}{gated / gain['shared']:8.3f}")


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--work", default="out/bench/work")
    parser.add_argument("--skip-pema", action="store_true", help="leave out PEMA's own form (its training takes longest)")
    parser.add_argument("--ranks", type=int, nargs="*", default=[64, 512], help="other ranks of PEMA's own form to show")
    options = parser.parse_args()
    pema = f"{options.build}/tools/pema"

    small = walk(pema, None, f"{options.work}/default")
    large = walk(pema, 88, f"{options.work}/88")
    conditions = (f"{large['source']}, {large['pool_people']} + {large['new_people']} people, {large['test_tokens']} test tokens, "
                  f"seed {large['seed']}, data {large['dataset_sha256'][:12]}, model {large['model']['fingerprint'][:12]}")
    small_conditions = (f"{small['source']}, {small['pool_people']} + {small['new_people']} people, "
                        f"{small['test_tokens']} test tokens, seed {small['seed']}")
    promises = must.Promises(conditions)

    nll = small["nll"]
    promises.add("default.order", "masks_memory < masks < shared < base",
                 [nll["masks_memory"], nll["masks"], nll["shared"], nll["base"]], "nats per token",
                 nll["masks_memory"] < nll["masks"] < nll["shared"] < nll["base"], small_conditions)
    promises.at_most("default.seconds", 720, small["seconds"]["total"], "s of this run after set-up", small_conditions)

    gain = gains(large)
    promises.at_least("88.masks_over_shared", 1.13, gain["masks"] / gain["shared"], "ratio of gains")
    promises.at_most("88.mask_bytes", 128, large["bytes_per_profile"]["mask"], "bytes")
    for method, prototype in PROTOTYPE_GAINS.items():
        promises.at_least(f"88.gain.{method}", round(prototype - 0.05, 3), gain[method], "nats per token")
    show_gate(promises, large)
    without = held_out(pema, f"{options.work}/88")
    show_held_out(promises, large, without)
    promises.at_most("88.registry_row", large["bytes_per_profile"]["mask"] + 100,
                     large["bytes_per_profile"]["registry_row"], "bytes, 10,000 copies of an enrolled profile")

    values = {"default": small, "88": large, "88_held_out": without, "own_keys": own_keys(pema, f"{options.work}/88")}
    promise_own_keys(promises, values["own_keys"])
    if not options.skip_pema:
        values["pema"] = own_form(pema, f"{options.work}/88", options.ranks)
        for run in values["pema"]:
            if run["id"] == "best":
                promises.at_least("88.pema_best_over_shared", 0.95, run["ratio_to_shared"], f"ratio of gains, rank {run['rank']}")
            else:
                promises.add(f"88.pema_{run['id']}", "shown beside", run["ratio_to_shared"],
                             f"ratio of gains, rank {run['rank']}, {run['epochs']} epochs", True)
        show_curves(values["pema"])
    must.write(options.out, promises, values)


if __name__ == "__main__":
    main()
