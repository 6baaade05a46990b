#!/usr/bin/env python3
"""./dev bench kernels: each op beside what one would use instead, taking turns in one run of one thread; then a whole reply beside
plain llama.cpp; ratios of medians."""
import os
import pathlib
import statistics
import subprocess
import sys

import must

REPEATS = 15


def medians(result):
    """Milliseconds by name, from Google Benchmark's aggregates."""
    scale = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}
    errors = [entry for entry in result["benchmarks"] if entry.get("error_occurred")]
    if errors:
        raise SystemExit(f"{errors[0]['name']}: {errors[0]['error_message']}")
    return {entry["run_name"]: entry["real_time"] * scale[entry["time_unit"]] for entry in result["benchmarks"]
            if entry.get("aggregate_name") == "median"}


def best(times, prefix, suffix=""):
    """The fastest of a peer's forms."""
    return min(value for name, value in times.items() if name.startswith(prefix) and name.endswith(suffix))


def table(times):
    print("\n| what | ms, median |\n|---|---|")
    for name, value in times.items():
        print(f"| {name} | {value:.4g} |")
    print()


DECODE_ROUNDS = 9
DECODE_TOKENS = 96


def decode(options):
    """Tokens per second and milliseconds of a switch, from decode_bench; see there."""
    model = os.environ["PEMA_MODEL"]
    lora = pathlib.Path(options.out).parent / "lora.gguf"
    lora.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(pathlib.Path(__file__).parent / "decode" / "lora_gguf.py"), model, str(lora), "8"], check=True)
    return must.run_json([f"{options.build}/bench/decode_bench", model, str(lora), str(DECODE_ROUNDS), str(DECODE_TOKENS), "2"])


def promise_decode(promises, result):
    plain = result["tokens_per_second"]["llama"]
    slower = {name: 100 * (1 - statistics.median(v / p for p, v in zip(plain, values)))
              for name, values in result["tokens_per_second"].items()}
    print("\n| reply of one person | tokens/s, median | slower than llama.cpp |\n|---|---|---|")
    for name, values in result["tokens_per_second"].items():
        print(f"| {name} | {statistics.median(values):.1f} | {slower[name]:.1f} % |")
    conditions = (f"batch 1, {DECODE_TOKENS} tokens, 2 threads, masks over 1,024 rank-1 adapters, int8 U, medians of {DECODE_ROUNDS} "
                  f"interleaved rounds; llama.cpp with a rank-8 LoRA in the same run: {slower['llama_lora']:.1f} % slower")
    promises.at_most("decode.no_profile", 1, slower["pema_no_profile"], "% slower than plain llama.cpp", conditions)
    promises.at_most("decode.k128", 8, slower["pema_k128"], "% slower than plain llama.cpp", conditions)
    promises.at_most("decode.k300", 12, slower["pema_k300"], "% slower than plain llama.cpp", conditions)
    print("\n| profile, temperature | neglected mass | words, median | most | mean abs(log P - exact) of the said token | largest | mean KL |\n|---|---|---|---|---|---|---|")
    for row in result["neglect"]:
        print(f"| {row['profile']}, {row['temperature']:g} | {row['neglected_mass']:g} | {row['median_words']:.0f} | {row['most_words']:.0f} | "
              f"{row['mean_difference']:.2g} | {row['largest_difference']:.2g} | {row['mean_divergence']:.2g} |")
    for profile in ("k128", "k300"):
        error = next(row for row in result["neglect"] if row["profile"] == profile and row["temperature"] == 0
                     and row["neglected_mass"] == result["neglected_mass"])
        promises.at_most(f"decode.{profile}_approximate", 4, slower[f"pema_{profile}_approximate"], "% slower than plain llama.cpp",
                         f"{conditions}; neglected mass {result['neglected_mass']:g}, no U: log P of the said tokens off by "
                         f"{error['mean_difference']:.2g} nats on average, {error['largest_difference']:.2g} at most")
    times = {way: {name: statistics.median(values) for name, values in kinds.items()} for way, kinds in result["switch_ms"].items()}
    print("\n| next token, 512 tokens before it, ms | same person | another | first one again |\n|---|---|---|---|")
    for way, kinds in times.items():
        print(f"| {way} | {kinds['same']:.2f} | {kinds.get('cold', kinds.get('switched')):.2f} | {kinds.get('cached', float('nan')):.2f} |")
    lora = times["llama_lora"]["switched"] - times["llama_lora"]["same"]
    for way in ("projected", "composed"):
        for kind in ("cold", "cached"):
            promises.at_most(f"switch.{way}_{kind}", 0.001, (times[way][kind] - times[way]["same"]) / lora,
                             "of the time that llama.cpp needs after a LoRA swap",
                             f"k 300 of 1,024, extra over a token of the same person; LoRA swap {lora:.0f} ms, 512 tokens evaluated again")


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--filter", default=".", help="regular expression over the names of Google Benchmark")
    options = parser.parse_args()
    result = must.run_json([f"{options.build}/bench/kernels_bench", "--benchmark_format=json", f"--benchmark_filter={options.filter}",
                            f"--benchmark_repetitions={REPEATS}", "--benchmark_enable_random_interleaving=true",
                            "--benchmark_min_time=0.05", "--benchmark_report_aggregates_only=true"])
    times = medians(result)
    table(times)
    promises = must.Promises(f"one thread, medians of {REPEATS} interleaved runs")
    if "interpolate_pema" in times:
        own = times["interpolate_pema"]
        promises.at_least("interpolate.torch", 5, best(times, "interpolate_torch") / own, "times the best LibTorch expression",
                          "V 49,152, one row, one thread")
        promises.at_most("interpolate.exp_pass", 1.5, own / times["interpolate_exp_pass"],
                         "of the time of one exp pass over both arrays", "V 49,152, one row, one thread, Highway's exp")
    for queries in (16, 1):
        if f"mask_search_pema/{queries}" in times:
            ratio = times[f"mask_search_faiss/{queries}"] / times[f"mask_search_pema/{queries}"]
            promises.at_least(f"mask_search.faiss_{queries}", 5, ratio, "times FAISS IndexBinaryFlat",
                              f"1,000,000 masks of 1,024 bits, nearest 10, {queries} queries in one call, one thread")
    if "project_int8/1" in times:
        conditions = "V 49,152, R 1,024, k 300, one thread"
        for kind in ("int8", "float16", "float32"):
            promises.at_least(f"project.{kind}_roof", 0.8, times[f"project_roof/{kind}"] / times[f"project_{kind}/1"],
                              "of the memory's roof", f"one row, {kind}, {conditions}")
            promises.at_least(f"project.{kind}_openblas", 0.7, times["project_openblas"] / times[f"project_{kind}/32"],
                              "of OpenBLAS's rate on the dense float32 product", f"32 rows of different masks, {kind}, {conditions}")
    for k in (8, 32, 64, 96):
        for kind, goal in (("float32", 0.8), ("float16", 0.65), ("bfloat16", 0.65), ("int8", 0.65)):
            if f"compose_pema/{kind}/{k}" in times and f"compose_roof/{kind}/{k}" in times:
                name = f"compose.roof_{k}" if kind == "float32" else f"compose.roof_{kind}_{k}"
                promises.at_least(name, goal, times[f"compose_roof/{kind}/{k}"] / times[f"compose_pema/{kind}/{k}"],
                                  "of the memory's roof in the type", f"{kind}, N 256, 64 x 1024, 16 profiles, k {k}, one thread")
        if f"compose_pema/float32/{k}" in times and f"compose_torch_dense/{k}" in times:
            torch = best(times, "compose_torch", f"/{k}")
            promises.at_least(f"compose.torch_{k}", 3, torch / times[f"compose_pema/float32/{k}"], "times the best LibTorch form",
                              f"float32, N 256, 64 x 1024, 16 profiles, k {k}, one thread; the memory's roof itself is "
                              f"{torch / times[f'compose_roof/float32/{k}']:.2f} times LibTorch's best form")
    replies = None
    if options.filter == ".":
        replies = decode(options)
        promise_decode(promises, replies)
    must.write(options.out, promises, {"ops_ms": times, "replies": replies})


if __name__ == "__main__":
    main()
