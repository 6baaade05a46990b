#!/usr/bin/env python3
"""Runs programs that hold one seeded defect each and prints who caught it.

Input: lines "defect|kernel|check|program|what it is|pattern", written by CMake. A defect is caught when the program fails and
prints a line that matches the pattern; defect 0 is the kernel as it should be and must be clean. Fails otherwise.
"""
import re
import subprocess
import sys


def run(check, program):
    command = [program] + (["trace"] if check == "trace" else [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    return done.returncode, lines


def describe(line, lines):
    """One line; a sanitizer's report spreads the kind, the place and the thread over several."""
    if "AddressSanitizer" in line:
        line = re.sub(r" on address.*", "", line.split("ERROR: ")[-1])
        frames = [re.search(r"(?:kernels/cuda|simt/defects)/([\w.]+\.cuh?:\d+)", other) for other in lines]
        line += next((f" at {frame.group(1)}" for frame in frames if frame), "")
    line = re.sub(r"^.*/(?=[\w.]+:\d+:\d+: runtime error)", "", line)
    line += next((f"; {other.split(': ', 1)[1]}" for other in lines if other.startswith("In a kernel")), "")
    return line if len(line) <= 260 else line[:257] + "..."


def main():
    failures = 0
    rows = [line.split("|", 5) for line in open(sys.argv[1], encoding="utf-8").read().splitlines() if line]
    print("defect  kernel       check  result")
    for number, kernel, check, program, title, pattern in rows:
        code, lines = run(check, program)
        matching = [line for line in lines if re.search(pattern, line)]
        if number == "0":
            good = code == 0
            text = "clean" if good else "NOT CLEAN: " + " ".join(lines[:3])
        else:
            good = code != 0 and bool(matching)
            text = (f"caught: {describe(matching[0], lines)}" if good else
                    f"NOT CAUGHT (exit {code}): " + " ".join(lines[:3]))
        failures += not good
        print(f"{number:>6}  {kernel:<11}  {check:<5}  {title}: {text}")
    print(f"{len(rows)} runs, {failures} not as expected")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
