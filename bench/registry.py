#!/usr/bin/env python3
"""./dev bench registry: millions of different profiles in one store, beside naive SQLite and LMDB; fewer of them in PostgreSQL, beside registry.db and
LMDB of that size; what a copy of an enrolled profile costs."""
import pathlib
import shutil
import must

BARE = "two 256-bit masks, 16-character random names, pool version, own lambdas, one of 300 sets of rights, generation"


def shown_row(name, values):
    if not values:
        print(f"{name:24s} not installed")
        return
    print(f"{name:24s} {values['profiles']:>12,} {values['bytes_per_profile']:>10.1f} {values['per_second']:>12,.0f} {values['by_name']['per_second']:>12,.0f} "
          f"{values['by_name']['p50_us']:>8.2f} {values['by_name']['p99_us']:>8.2f}")


def shown_peer(name, values):
    shown_row(name, values and {**values, "per_second": values["enrolled_per_second"]})


def table(scale, peers, postgres):
    print(f"{'':24s} {'profiles':>12s} {'bytes each':>10s} {'enrolled/s':>12s} {'look-ups/s':>12s} {'p50 us':>8s} {'p99 us':>8s}")
    bulk = scale.get("bulk", {"per_second": float("nan")})
    for kind in ("database", "preloaded"):
        shown_row(f"pema, {kind}", {"profiles": scale["profiles"], "bytes_per_profile": scale["bytes_per_profile"], "per_second": bulk["per_second"],
                                    "by_name": scale["quiet"][kind]["by_name"]})
    for name, values in peers.items():
        shown_peer(name, values)
    if "missing" in postgres:
        print(f"pema, PostgreSQL         left out: {postgres['missing']}")
        return
    for name, values in (("pema, PostgreSQL", postgres["postgresql"]), ("pema, registry.db", postgres["sqlite"])):
        shown_row(name, {**values, "per_second": values["bulk"]["per_second"]})
    shown_peer("LMDB", postgres["LMDB"])


def promise(promises, scale):
    what = f"{scale['profiles']:,} profiles: {BARE}"
    promises.at_most("registry.scale.bytes_per_profile", 115, scale["bytes_per_profile"], "bytes", f"{what}; registry.db after a checkpoint")
    if "bulk" in scale:
        bulk = scale["bulk"]
        promises.at_least("registry.scale.bulk_per_second", 250_000, bulk["per_second"], "profiles/s",
                          f"{what}; BulkEnrolment, durable commits of 256 MiB of drafts; at first {bulk['first_per_second']:,.0f}, at last {bulk['last_per_second']:,.0f}, "
                          f"{bulk['per_processor_second']:,.0f} per second of processor time")
    for mode, value in scale["open_ms"].items():
        promises.at_most(f"registry.scale.open.{mode}", 5, value, "ms", what)
    for load in ("quiet", "with_writer"):
        beside = "nobody writes" if load == "quiet" else (
            f"another process enrols {scale[load]['written_per_second']:,.0f}/s, 1,000 per transaction, a new snapshot every 1,000 look-ups")
        conditions = f"{what}; ProfileReader, names drawn over all, file in the page cache, one reading of the clock ({scale['clock_us']:.3f} us) in each time; {beside}"
        database, loaded, hot = scale[load]["database"], scale[load]["preloaded"], scale[load]["hot"]
        promises.at_most(f"registry.scale.{load}.by_name.p50", 3, database["by_name"]["p50_us"], "us", conditions)
        promises.at_most(f"registry.scale.{load}.by_name.p99", 10, database["by_name"]["p99_us"], "us", conditions)
        promises.at_most(f"registry.scale.{load}.by_id.p50", 1, database["by_id"]["p50_us"], "us", conditions)
        promises.at_most(f"registry.scale.{load}.resident.by_name.p50", 0.5, hot["by_name"]["p50_us"], "us", f"{conditions}; 10,000 names that are resident")
        held = f"{conditions}; all preloaded: {scale[load]['resident_bytes'] / scale[load]['resident']:.0f} bytes of memory each, {scale[load]['preload_seconds']:.1f} s"
        promises.at_most(f"registry.scale.{load}.preloaded.by_name.p50", 3, loaded["by_name"]["p50_us"], "us", held)
        promises.at_most(f"registry.scale.{load}.preloaded.by_name.p99", 10, loaded["by_name"]["p99_us"], "us", held)
        promises.at_most(f"registry.scale.{load}.preloaded.by_id.p50", 1, loaded["by_id"]["p50_us"], "us", held)


def promise_postgres(promises, postgres):
    """The project promises no rates of PostgreSQL: those are shown. That nothing acknowledged is lost, it does promise."""
    here, sqlite, restarts = postgres["postgresql"], postgres["sqlite"], postgres["restarts"]
    what = (f"{here['profiles']:,} profiles: {BARE}; PostgreSQL {postgres['server']} on loopback, fsync on, 256 MB of shared buffers, started for this; "
            f"public API, temporary folder")

    def show(name, value, unit, beside, conditions=what):
        promises.add(f"registry.postgres.{name}", "shown beside", value, unit, True, f"{conditions}; the same in registry.db: {must.shown(beside)}")

    show("bytes_per_profile", here["bytes_per_profile"], "bytes", sqlite["bytes_per_profile"], f"{what}; all tables and indexes, vacuumed")
    show("bulk_per_second", here["bulk"]["per_second"], "profiles/s", sqlite["bulk"]["per_second"])
    show("bulk_replaced_per_second", here["bulk_replaced"]["per_second"], "profiles/s", sqlite["bulk_replaced"]["per_second"])
    show("single_writes_per_second", here["single_writes"]["per_second"], "durable transactions/s", sqlite["single_writes"]["per_second"])
    read = f"{what}; ProfileReader, nothing resident, {postgres['calls']:,} names drawn over all, a new snapshot every 1,000"
    for kind in ("by_name", "by_id"):
        for key, unit in (("per_second", "look-ups/s"), ("p50_us", "us"), ("p99_us", "us")):
            show(f"{kind}.{key.removesuffix('_us')}", here[kind][key], unit, sqlite[kind][key], read)
    show("by_name.together_per_second", here["by_name_together"]["per_second"], "look-ups/s", sqlite["by_name_together"]["per_second"],
         f"{read}; {here['by_name_together']['readers']} threads, a connection each")
    show("find_profile_per_second", here["by_name_without_snapshot"]["per_second"], "look-ups/s", sqlite["by_name_without_snapshot"]["per_second"],
         f"{what}; Store::find_profile, no snapshot")
    people = restarts["profiles"]
    what += f"; one thread enrols 1,000 a transaction ({people['acknowledged']:,} acknowledged, {people['in_doubt']:,} in doubt), one looks up"
    for how in ("stopped", "crashed"):
        outage = restarts[how]
        for calls in ("look_ups", "enrolment"):
            promises.add(f"registry.postgres.{how}.{calls}_silent", "shown beside", outage[f"{calls}_silent_seconds"], "s between two answers", True,
                         f"{what}; the server {how} and started again, {outage['away_seconds']:.2f} s in all")
    promises.add("registry.postgres.restarts.failed", "shown beside", restarts["failed_look_ups"] + restarts["failed_enrolments"], "calls", True, what)
    promises.at_most("registry.postgres.restarts.lost", 0, people["lost"], "acknowledged profiles", what)
    promises.at_most("registry.postgres.restarts.wrong", 0, people["uninvited"] + people["miscounted"], "profiles that were refused and are there, or that nobody enrolled", what)


def measure_postgres(options, program, folder):
    """A server that does not work ends the run at once, not after the long parts."""
    if options.postgres_profiles == 0:
        return {"missing": "--postgres-profiles 0"}
    size = [str(options.postgres_profiles), str(options.postgres_calls)]
    values = must.run_json([program, "postgres", *size])
    if "missing" not in values:
        values["LMDB"] = must.run_json([program, "lmdb", *size, f"{folder}-peer"])
    return values


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000, help="of the scale part (10,000,000 take about 5 minutes and 3 GB)")
    parser.add_argument("--peers", type=int, help="profiles in LMDB (default: as many) and in naive SQLite (at most 1,000,000: 1.1 kB each)")
    parser.add_argument("--calls", type=int, default=400_000, help="timed look-ups of each kind")
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--postgres-profiles", type=int, default=100_000, help="in PostgreSQL and, beside it, in registry.db and LMDB; 0 leaves it out")
    parser.add_argument("--postgres-calls", type=int, default=20_000, help="timed look-ups of each kind there")
    options = parser.parse_args()
    program = f"{options.build}/bench/registry_bench"
    folder = pathlib.Path(options.out).parent / "work" / "registry"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    peers = options.peers or options.profiles
    values = {"postgres": measure_postgres(options, program, folder),
              "scale": must.run_json([program, "scale", str(options.profiles), str(options.calls), str(folder)]),
              "peers": {"LMDB": must.run_json([program, "lmdb", str(peers), str(options.calls), f"{folder}-peer"]),
                        "SQLite, naive": must.run_json([program, "sqlite", str(min(peers, 1_000_000)), str(options.calls), f"{folder}-peer"])},
              "copies": must.run_json([program, "copies", str(options.copies), "0", f"{folder}-copies"])}
    shutil.rmtree(folder, ignore_errors=True)
    table(values["scale"], values["peers"], values["postgres"])
    copies = values["copies"]
    promises = must.Promises(f"{copies['profiles']} copies of one profile: masks over {copies['adapters']} adapters, names of 16 "
                             f"characters, lambdas, rights to {copies['segments']} segments; after a checkpoint")
    promises.at_most("registry.bytes_per_profile", copies["mask_bytes"] + 100, copies["bytes_per_profile"], "bytes")
    promise(promises, values["scale"])
    if "missing" not in values["postgres"]:
        promise_postgres(promises, values["postgres"])
    must.write(options.out, promises, values)


if __name__ == "__main__":
    main()
