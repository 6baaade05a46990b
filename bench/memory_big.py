"""The part `big` of ./dev bench memory: an index over far more keys than may be in memory, under a budget of bytes. Each step is a process of
its own, so that its highest resident set is its own."""
import math
import pathlib
import shutil

import must

MOST_RSS = 1.15
BYTES_PER_KEY = 32


def percentile(values, share):
    """The least value that `share` of all do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def measure(options, real):
    """Makes the keys where they are not there yet, builds the index anew, and searches it."""
    program = f"{options.build}/bench/memory_big_bench"
    work = pathlib.Path(options.big_work)
    sizes = [str(real), str(options.big_keys), str(options.profiles)]
    folder = work / f"{options.big_keys}_{options.profiles}"
    try:
        values = {"made": must.run_json([program, "make", *sizes, str(folder)])}
        (folder / "index").unlink(missing_ok=True)
        values["build"] = must.run_json([program, "build", str(folder), str(options.big_budget), str(BYTES_PER_KEY)])
        values["search"] = must.run_json([program, "search", *sizes, str(folder), str(options.big_budget), str(options.big_recall), str(options.big_calls)])
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return values


def table(values):
    build, search = values["build"], values["search"]
    print(f"\nbuilt in {build['seconds']:.0f} s ({build['lists']:,} lists of {build['codes']} codes, {build['bytes'] / 1e6:.0f} MB of memory, "
          f"{build['file_bytes'] / 1e6:.0f} MB on the disk), highest resident set {build['peak_bytes'] / 1e6:.0f} MB; "
          f"opened in {search['open_seconds']:.1f} s\n")
    print("| selectivity | visible keys | p50 ms | p99 ms | CPU ms | recall@32 | calls through the index | exact call, ms | CPU ms | highest resident set, MB |\n|---|---|---|---|---|---|---|---|---|---|")
    for share in search["shares"]:
        print(f"| {share['share']:g} | {share['visible_keys']:,.0f} | {percentile(share['ms'], 0.5):.4g} | {percentile(share['ms'], 0.99):.4g} | {percentile(share['cpu_ms'], 0.5):.4g} | {share['recall']:.4f} | "
              f"{share['through_index']} of {len(share['ms'])} | {percentile(share['exact_ms'], 0.5):.4g} | {percentile(share['exact_cpu_ms'], 0.5):.4g} | {share['peak_bytes'] / 1e6:.0f} |")


def promise(promises, values, options):
    conditions = (f"{options.big_keys:,} int8 keys of 576 dimensions on the disk, {options.profiles:,} profiles with Zipf sizes, 64 rows per call, k 32, 2 threads, "
                  f"{options.big_calls} calls a selectivity, wanted recall {options.big_recall}, recall from 2 calls against an exact scan, budget {options.big_budget / 1e6:.0f} MB")
    most = MOST_RSS * options.big_budget / 1e6
    promises.at_most("big.build.rss", most, values["build"]["peak_bytes"] / 1e6, "MB, highest resident set of opening the segments and building", conditions)
    promises.at_most("big.search.rss", most, values["search"]["peak_bytes"] / 1e6, "MB, highest resident set of a fresh process that opens and searches", conditions)
    for share in values["search"]["shares"]:
        name = f"big.{share['share']:g}"
        wanted = options.big_recall if share["visible_keys"] >= 20000 else 1
        promises.at_least(f"{name}.recall", wanted, share["recall"], "recall@32", conditions)
        promises.add(f"{name}.p50", "shown beside", percentile(share["ms"], 0.5), "ms a call", True, conditions)
        promises.add(f"{name}.p99", "shown beside", percentile(share["ms"], 0.99), "ms a call", True, conditions)
    promises.add("big.index", "shown beside", values["build"]["bytes"] / 1e6, "MB of memory for the index", True, conditions)
    promises.add("big.build.seconds", "shown beside", values["build"]["seconds"], "s to build the index", True, conditions)


def arguments(parser):
    parser.add_argument("--big-keys", type=int, default=5_000_000)
    parser.add_argument("--big-budget", type=int, default=1_000_000_000, help="bytes of memory")
    parser.add_argument("--big-calls", type=int, default=100, help="at each selectivity")
    parser.add_argument("--big-recall", type=float, default=0.95, help="wanted recall")
    parser.add_argument("--big-work", default="out/bench/work/big", help="folder for the keys, 600 bytes each")
    parser.add_argument("--keep", action="store_true", help="keep the keys and the index of the part big")
