#!/usr/bin/env python3
"""./dev bench durability: kills, power cuts, refused calls and damaged stores in numbers that the suite has no time for; commits a second in
both modes; what a backup does to those who read meanwhile (any store with --store, otherwise one that is made)."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import must


def run_tests(options, work):
    """Properties that the long runs of pema_durability_tests recorded, by test."""
    report = work / "tests.json"
    environment = os.environ | {"PEMA_KILLS": str(options.kills), "PEMA_POWER_CUTS": str(options.cuts), "PEMA_FAULTS": "all",
                                "PEMA_DAMAGED_STORES": str(options.damaged), "TMPDIR": str(work)}
    subprocess.run([f"{options.build}/tests/durability/pema_durability_tests", f"--gtest_output=json:{report}"], env=environment,
                   stdout=subprocess.DEVNULL, check=False)
    found = {}
    for suite in json.loads(report.read_text(encoding="utf-8"))["testsuites"]:
        for case in suite["testsuite"]:
            found[f"{suite['name']}.{case['name']}"] = case | {"failed": "failures" in case}
    return found


def promise_survival(promises, tests):
    for mode in ("durable", "fast"):
        kill = tests[f"Modes/Kill.LosesNothingThatWasAcknowledged/{mode}"]
        name = f"kill.{mode}"
        conditions = (f"SIGKILL at random moments of a writer that enrols, replaces, erases, grows the pool, moves profiles and backs up; "
                      f"{kill['steps']} acknowledged steps; the store opened, verified and compared after each, and every complete backup")
        promises.at_least(f"{name}.kills", 1000, int(kill["kills"]), "kills", conditions)
        promises.at_most(f"{name}.problems", 0, int(kill["problems"]), "lost writes, damages and broken backups", conditions)
        promises.at_most(f"{name}.open", 1000, float(kill["open_milliseconds"]), "ms, the slowest opening after a kill", conditions)
        cut = tests[f"Modes/PowerLoss.KeepsWhatWasPromisedAtEveryCut/{mode}"]
        conditions = "unsynced sectors, sizes and names dropped, torn and reordered independently, at random disk calls of the same writer"
        promises.at_least(f"power.{mode}.cuts", 2000, int(cut["cuts"]), "cuts", conditions)
        promises.at_most(f"power.{mode}.problems", 0, int(cut["failed"]), "lost promises or damages", conditions)
        if mode == "durable":
            promises.at_most("power.durable.lost", 0, int(cut["lost"]), "acknowledged steps", conditions)
    fault = tests["FaultTest.EveryCallMayBeRefused"]
    promises.at_most("fault.problems", 0, int(fault["failed"]), "untyped errors, damages or changes that did not happen",
                     f"{fault['calls']} disk calls, each refused with ENOSPC, EIO, EACCES and EROFS: {fault['runs']} runs")
    damage = tests["DamageTest.VerifyIsNeverWrong"]
    conditions = f"{damage['refused']} refused, {damage['told']} told by verify, {damage['harmless']} without any effect"
    promises.at_least("damage.stores", 10_000, int(damage["stores"]), "randomly damaged stores", conditions)
    promises.at_most("damage.problems", 0, int(damage["failed"]), "crashes or wrong answers", conditions)


def promise_backup(promises, result, rate):
    ratios = [during["p99"] / without["p99"] for during, without in zip(result["during"], result["without"])]
    print("\n| backup | p50 us | p99 us | p99.9 us |\n|---|---|---|---|")
    for label in ("during", "without"):
        for row in result[label]:
            print(f"| {label} | {row['p50']:.1f} | {row['p99']:.1f} | {row['p999']:.1f} |")
    phases = result["during"] + result["without"]
    asked, written = (statistics.median(row[what] / row["seconds"] for row in phases) for what in ("lookups", "writes"))
    backups = f"{statistics.median(result['backup_seconds']):.1f} s at {f'{rate / 1e6:.0f} MB/s at most' if rate else 'full speed'}"
    conditions = (f"{result['profiles']:,} profiles, registry of {result['registry_bytes'] / 1e6:.0f} MB, backed up in {backups}; 4 readers "
                  f"(ProfileReader, nothing resident, the newest snapshot at each look-up, {asked:,.0f} look-ups/s in all) and a writer ({written:.0f} commits/s) "
                  f"in threads of one process; {len(ratios)} rounds taking turns, median of the ratios ({', '.join(f'{ratio:.2f}' for ratio in ratios)})")
    promises.at_most("backup.readers_p99", 2, statistics.median(ratios), "times that without a backup", conditions)
    promises.at_most("backup.damages", 0, sum(result["damages"]), "in the backups", conditions)


def measure_backup(options, work, promises):
    result = must.run_json([f"{options.build}/bench/store_bench", "backup", str(work), options.store, str(options.profiles), str(options.rate), str(options.rounds)])
    promise_backup(promises, result, options.rate)
    return result


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=2000)
    parser.add_argument("--damaged", type=int, default=10_000)
    parser.add_argument("--store", default="-", help="store that is backed up, a copy, for the writer replaces profiles in it (default: one that is made)")
    parser.add_argument("--profiles", type=int, default=1_000_000, help="of the store that is made")
    parser.add_argument("--rate", type=int, default=50_000_000, help="bytes a second of the backup; 0: no limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=("all", "backup"), default="all", help="backup: only what a backup does to readers")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="pema-durability-", dir=pathlib.Path(options.out).resolve().parent))
    try:
        promises = must.Promises("")
        if options.part == "backup":
            values = {"backup": measure_backup(options, work, promises)}
            must.write(str(pathlib.Path(options.out).with_suffix(".backup.json")), promises, values)
            return
        tests = run_tests(options, work)
        promise_survival(promises, tests)
        commits = must.run_json([f"{options.build}/bench/store_bench", "commits", str(work), str(options.rounds), "500"])
        for what, modes in commits.items():
            print(f"{what}: " + ", ".join(f"{mode} {statistics.median(values):.0f}" for mode, values in modes.items()))
        backup = measure_backup(options, work, promises)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    must.write(options.out, promises, {"tests": tests, "commits": commits, "backup": backup})


if __name__ == "__main__":
    main()
