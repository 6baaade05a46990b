"""What every bench writes: machine, versions, the measured values, and the list of promises with their verdicts."""
import argparse
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


def write(path, promises, values):
    """Writes and prints everything; ends the program with status 1 when a promise is not met."""
    document = {"generated": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "machine": machine(), "must": promises.entries, "values": values}
    out = pathlib.Path(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for entry in promises.entries:
        value = entry["value"]
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{'met   ' if entry['met'] else 'MISSED'}  {entry['id']}: {shown} {entry['unit']}, goal {entry['goal']}")
    print(f"written to {path}")
    if not all(entry["met"] for entry in promises.entries):
        sys.exit(1)
