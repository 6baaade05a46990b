#!/usr/bin/env python3
"""./dev bench memory: the shared memory's search beside FAISS: 64 rows of as many profiles in one call, each with its own visible
segments, at five selectivities; everybody on two threads, taking turns; ratios of medians at equal recall."""
import math
import os
import pathlib
import statistics
import subprocess

import memory_big
import must

GOAL = 5


def cache_folder():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "pema" / "bench"


def real_keys(options):
    """Made once and kept in the user's cache folder. Interrupted, features of finished people stay."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    real = folder / "memory_real.keys"
    if not real.exists():
        subprocess.run([f"{options.build}/bench/memory_keys", os.environ["PEMA_MODEL"], str(real)], check=True)
    return real


def prepare(options, real):
    """FAISS's graph, made once and kept like the keys."""
    graph = cache_folder() / f"memory_{options.keys}_{options.profiles}.hnsw"
    sizes = [str(real), str(options.keys), str(options.profiles)]
    if not graph.exists():
        # With FAISS's distance in vectors: the graph is the same but for rounding, in a third of the time.
        must.run_json([f"{options.build}/bench/memory_bench_vectors", "graph", *sizes, str(graph)])
    return sizes, graph


def describe(options, sizes):
    result = must.run_json([f"{options.build}/bench/memory_bench", "describe", *sizes])
    print(f"\n{result['real_keys']:,} real keys of {result['people']} people, {result['keys']:,} in the collection; 10th, 50th and 90th percentile\n")
    print("| from, to | squared distance to the nearest | to the 32nd | intrinsic dimension |\n|---|---|---|---|")
    for name in ("query_to_real", "query_to_collection", "real_to_real", "collection_to_collection"):
        cells = [" ".join(f"{value:.3g}" for value in result[name][part]) for part in ("nearest", "32nd", "dimension")]
        print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return result


def search(options, sizes, graph, program):
    """FAISS's threads sleep where they wait: two spinning pools on two cores would starve each other."""
    return must.run_json(["env", "OMP_WAIT_POLICY=passive", f"{options.build}/bench/{program}", "search", *sizes, str(graph), str(options.rounds)])


def milliseconds(way):
    return statistics.median(way["ms"])


def best_of_faiss(ways, wanted):
    """The faster of Flat and, where it finds as much as we do, HNSW."""
    ours = ways["pema" if wanted == 1 else "pema_95"]
    hnsw = ways["faiss_hnsw" if wanted == 1 else "faiss_hnsw_95"]
    best = milliseconds(ways["faiss_flat"])
    return min(best, milliseconds(hnsw)) if hnsw["recall"] >= ours["recall"] - 1e-9 else best


def table(result):
    names = list(dict.fromkeys(name for share in result["shares"] for name in share["ways"]))
    print("\n| selectivity | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
    for share in result["shares"]:
        cells = [f"{milliseconds(share['ways'][name]):.4g} ({share['ways'][name]['recall']:.3f})" if name in share["ways"] else "" for name in names]
        print(f"| {share['share']:g} | {' | '.join(cells)} |")
    print("\nms of a call, median (recall@32)")


def promise(promises, result, options, prefix=""):
    for wanted, suffix in ((1, ""), (0.95, "_95")):
        ratios = []
        for share in result["shares"]:
            ratio = best_of_faiss(share["ways"], wanted) / milliseconds(share["ways"]["pema" + suffix])
            ratios.append(ratio)
            promises.at_least(f"{prefix}search{suffix}.{share['share']:g}", 1, ratio, "times the better of FAISS Flat and HNSW at equal recall")
        promises.at_least(f"{prefix}search{suffix}.geometric_mean", GOAL, math.exp(sum(map(math.log, ratios)) / len(ratios)),
                          "times FAISS over the selectivities")
    if not prefix:
        small = [share["ways"][name]["recall"] for share in result["shares"] if share["visible_keys"] < 20000 for name in ("pema", "pema_95")]
        promises.at_least("recall.small", 1, min(small), "recall@32 where fewer than 20,000 keys are visible")


def decode(options, real):
    """Tokens per second with memories of every type, beside plain llama.cpp, from memory_decode_bench; see there."""
    result = must.run_json([f"{options.build}/bench/memory_decode_bench", os.environ["PEMA_MODEL"], str(real), "9", "96", "2"])
    plain = result["tokens_per_second"]["llama"]
    result["slower"] = {name: 100 * (statistics.median(a / b for a, b in zip(plain, speeds)) - 1)
                        for name, speeds in result["tokens_per_second"].items()}
    print("\n| way | % slower per token than llama.cpp | MiB of memory |\n|---|---|---|")
    for name, slower in result["slower"].items():
        held = result["bytes"].get(name.removesuffix("_skip"))
        print(f"| {name} | {slower:.1f} | {held / 2**20:.1f} |" if held else f"| {name} | {slower:.1f} | |")
    return result


def skipped(options):
    """What tokens that are not searched cost in NLL, on the 88 people of `./dev bench quality`, whose store is used where it is."""
    command = [f"{options.build}/tools/pema", "eval", "--json", "--people", "88", "--method", "masks_memory,masks_memory_gate",
               "--skip-recall", "0.5,0.7,0.8,0.9,0.95", "--work", "out/bench/work/88"]
    limits = must.run_json(command)["skip_recall"]
    print("\n| not searched above | share of tokens | nats per token worse: constants | gate |\n|---|---|---|---|")
    for row in limits:
        print(f"| {row['limit']:g} | {row['skipped']:.3f} | {row['worse']:.4f} | {row['worse_gate']:.4f} |")
    return limits


def promise_decode(promises, result, limits):
    conditions = (f"SmolLM2-135M, batch 1, 96 tokens, 9 interleaved rounds, 2 threads; masks k 128 of 1,024 rank-1 adapters, int8 U; {result['own_keys']} own and "
                  f"{result['shared_keys']:,} shared real keys")
    # The types of keys are the user's choice; pq is the one for a memory that is read at batch 1.
    promises.at_most("decode.pq", 15, result["slower"]["pq"], "% slower per token than plain llama.cpp", conditions)
    for name in ("f32", "f16", "int8", "f32_index", "f32_index_95", "f32_skip", "int8_skip", "pq_skip"):
        promises.add(f"decode.{name}", "shown beside", result["slower"][name], "% slower per token than plain llama.cpp", True, conditions)
    shown = next(row for row in limits if row["limit"] == result["skip_above"])
    promises.add("decode.skip_cost", "shown beside", shown["worse"], f"nats per token, {100 * shown['skipped']:.1f} % of the tokens not searched",
                 True, "88 people's test tokens, masks + own and shared memory, constant weights")


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--profiles", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vectors", action="store_true", help="a second run against FAISS with its distance compiled for this processor")
    parser.add_argument("--part", choices=("all", "big"), default="all", help="big: only the index over more keys than may be in memory")
    memory_big.arguments(parser)
    options = parser.parse_args()
    real = real_keys(options)
    if options.part == "big":
        promises = must.Promises("")
        values = {"big": memory_big.measure(options, real)}
        memory_big.table(values["big"])
        memory_big.promise(promises, values["big"], options)
        must.write(str(pathlib.Path(options.out).with_suffix(".big.json")), promises, values)
        return
    sizes, graph = prepare(options, real)
    values = {"keys": describe(options, sizes)}
    values["search"] = search(options, sizes, graph, "memory_bench")
    table(values["search"])
    promises = must.Promises(
        f"{options.keys:,} keys of {values['search']['width']} dimensions, {options.profiles:,} profiles with Zipf sizes, 64 rows per call, k 32, "
        f"2 threads, medians of {options.rounds} interleaved rounds; FAISS 1.7.3 of Debian, compiled for any x86-64 (no vectors), "
        "a bitmap selector per row, efSearch the least that finds as much; hnswlib 0.6.2 of Debian has no filter")
    promise(promises, values["search"], options)
    values["decode"] = decode(options, sizes[0])
    values["skip_recall"] = skipped(options)
    promise_decode(promises, values["decode"], values["skip_recall"])
    if options.vectors:
        values["search_vectors"] = search(options, sizes, graph, "memory_bench_vectors")
        table(values["search_vectors"])
        promise(promises, values["search_vectors"], options, "vectors.")
    values["big"] = memory_big.measure(options, real)
    memory_big.table(values["big"])
    memory_big.promise(promises, values["big"], options)
    must.write(options.out, promises, values)


if __name__ == "__main__":
    main()
