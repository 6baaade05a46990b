#!/usr/bin/env python3
"""./dev bench planner: the machine's costs are measured, every strategy is run over a grid of batch shapes, and what the planner takes is
compared with the fastest: regret, the time of the chosen over the time of the best, over lives of 1 to a million steps, making included."""
import math
import os
import statistics

import must

ROUNDS = 9
THREADS = 2
PARTS = ("compose", "apply", "project", "interpolate")


def regrets(shape):
    """(regret, choice) for each life and each type of U."""
    for choice in shape["choices"]:
        lives = {name: shape["ways"][name]["once"] + choice["steps"] * shape["ways"][name]["seconds"] for name in choice["allowed"]}
        yield lives[choice["chosen"]] / min(lives.values()), choice, min(lives, key=lives.get)


def errors(shapes):
    """Predicted over measured seconds of a step with warm caches, by way and part."""
    ratios = {}
    for shape in shapes:
        for choice in shape["choices"]:
            for name, predicted in choice["predicted"].items():
                measured = shape["ways"][name]["parts"]
                for part, guess, seen in zip(PARTS, predicted, measured):
                    ratios.setdefault((name, part), []).append(guess / seen if seen > 0 else math.nan)
                ratios.setdefault((name, "all"), []).append(sum(predicted) / sum(measured))
    return {f"{name}.{part}": {"median": statistics.median(values), "least": min(values), "most": max(values)}
            for (name, part), values in ratios.items()}


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    result = must.run_json([f"{options.build}/bench/planner_bench", os.environ["PEMA_MODEL"], str(THREADS), str(options.rounds)])
    found = [(regret, shape, choice, best) for shape in result["shapes"] for regret, choice, best in regrets(shape)]
    print("\n| pool | rows | k | factored | composed | projected | projected int8 | (ms, warm)\n|---|---|---|---|---|---|---|")
    for shape in result["shapes"]:
        times = [shape["ways"].get(name, {}).get("seconds", math.nan) * 1e3
                 for name in ("factored", "composed", "projected_float32", "projected_int8")]
        print(f"| {shape['pool']} | {shape['rows']} | {shape['k']} | " + " | ".join(f"{value:.2f}" for value in times) + " |")
    print("\nworst choices:")
    for regret, shape, choice, best in sorted(found, key=lambda entry: -entry[0])[:8]:
        print(f"  {regret:.3f}  {shape['pool']}, {shape['rows']} rows, k {shape['k']}, {choice['steps']} steps, U in {choice['type']}: "
              f"{choice['chosen']}, best {best}")
    ratios = errors(result["shapes"])
    print("\npredicted over measured seconds, warm step: median (least to most)")
    for name, ratio in ratios.items():
        if name.endswith(".all"):
            print(f"  {name[:-4]}: {ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})")
    conditions = (f"{len(found)} choices: rows 1 to 128 with a mask each, k 8 to 300, mixture (rank 1, N 1,024) and separate (rank 8, N 256), lives of "
                  f"1 to 1,000,000 steps, U in float32 and int8; {THREADS} threads, least of {options.rounds} interleaved rounds, costs measured in the same run")
    promises = must.Promises(conditions)
    mean = math.exp(statistics.mean(math.log(regret) for regret, *_ in found))
    promises.at_most("planner.regret_mean", 1.15, mean, "times the best strategy's time, geometric mean")
    promises.at_most("planner.regret_worst", 1.5, max(regret for regret, *_ in found), "times the best strategy's time, worst")
    must.write(options.out, promises, {"predicted_over_measured": ratios, "runs": result})


if __name__ == "__main__":
    main()
