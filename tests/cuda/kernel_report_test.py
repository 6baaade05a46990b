#!/usr/bin/env python3
"""The compiler gate must fail on a kernel that lost its vector loads and on one that spills."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GATE = [sys.executable, str(ROOT / "tools" / "kernel_report.py"), "--only", "row_sums", "--arch", "80"]
CASES = {
    "as it is": ([], 0, "0 breaches"),
    "scalar loads (defect 6)": (["--flag=-DPEMA_SEEDED_DEFECT=6"], 1, "needs >= 4 LDG.128, has 0"),
    "24 registers": (["--ptxas=-maxrregcount=24", "--ptxas=-override-directive-values"], 1, "local memory traffic"),
}


def main():
    failures = 0
    for name, (flags, status, words) in CASES.items():
        run = subprocess.run([*GATE, *flags], capture_output=True, text=True)
        if run.returncode == 77:
            print(run.stdout, end="")
            return 77
        passed = run.returncode == status and words in run.stdout
        failures += not passed
        line = next((text for text in run.stdout.splitlines() if words in text), "not found: " + words)
        print(f"{'ok  ' if passed else 'FAIL'} {name}: status {run.returncode}, {line}")
        if not passed:
            print(run.stdout, run.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
