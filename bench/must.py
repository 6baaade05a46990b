"""What every bench writes: machine, versions, the measured values, and the list of promises with their verdicts."""
import argparse
import ctypes
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", required=True, help="build folder with the programs")
    parser.add_argument("--out", required=True, help="JSON file to write")
    return parser


def machine():
    cpu = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "os": platform.platform()}


def run_json(command):
    """Runs a program that prints one JSON document; its progress goes to the terminal."""
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


class Promises:
    """Collects {id, goal, value, unit, met, conditions}; every value comes from the run."""

    def __init__(self, conditions):
        self.conditions = conditions
        self.entries = []

    def add(self, name, goal, value, unit, met, conditions=None):
        self.entries.append({"id": name, "goal": goal, "value": value, "unit": unit, "met": bool(met),
                             "conditions": conditions or self.conditions})

    def at_least(self, name, bound, value, unit, conditions=None):
        self.add(name, f">= {bound}", value, unit, value >= bound, conditions)

    def at_most(self, name, bound, value, unit, conditions=None):
        self.add(name, f"<= {bound}", value, unit, value <= bound, conditions)


def versions():
    """Of what a figure may depend on, as Debian and pip name them; None where it is not installed."""
    found = {}
    for package in ("g++", "libtorch-dev", "libfaiss-dev", "libopenblas-dev", "libhwy-dev", "libsqlite3-dev", "liblmdb-dev", "libpq5",
                    "postgresql-15"):
        run = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
        found[package] = run.stdout if run.returncode == 0 else None
    found["OpenBLAS's kernels"] = matrix_kernels()
    return found


def matrix_kernels():
    """Which kernels OpenBLAS runs here, or is told to by ./dev; None without OpenBLAS."""
    try:
        name = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    except (OSError, AttributeError):
        return None
    name.restype = ctypes.c_char_p
    return name().decode()


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(document):
    """The promises as a table, for people."""
    machine_line = ", ".join(f"{key} {value}" for key, value in document["machine"].items())
    lines = [f"Measured {document['generated']}; {machine_line}.", "", "| promise | value | goal | met | conditions |", "|---|---|---|---|---|"]
    for entry in document["must"]:
        lines.append(f"| {entry['id']} | {shown(entry['value'])} {entry['unit']} | {entry['goal']} | {'yes' if entry['met'] else '**no**'} "
                     f"| {entry['conditions']} |")
    return "\n".join(lines) + "\n"


def write(path, promises, values):
    """Writes and prints everything, the promises as markdown too; ends the program with status 1 when one is not met."""
    document = {"generated": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "machine": machine(), "versions": versions(), "must": promises.entries, "values": values}
    out = pathlib.Path(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    table = out.with_suffix(".md")
    table.write_text(markdown(document), encoding="utf-8")
    for entry in promises.entries:
        print(f"{'met   ' if entry['met'] else 'MISSED'}  {entry['id']}: {shown(entry['value'])} {entry['unit']}, goal {entry['goal']}")
    print(f"written to {path} and {table}")
    if not all(entry["met"] for entry in promises.entries):
        sys.exit(1)
