#!/usr/bin/env python3
"""The layering check must fail on each kind of violation; a checker that passes everything would be no test."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check_includes import check  # noqa: E402

CASES = [
    ("upward", "kernels/a.cc", '#include "src/engine/plan.h"', True),
    ("upward through a public header", "kernels/a.cc", '#include "pema/engine.h"', True),
    ("sideways", "kernels/a.cc", '#include "src/memory/recall.h"', True),
    ("sideways through a public header", "src/plm/a.cc", '#include "pema/train/trainer.h"', True),
    ("contract upward", "include/pema/store.h", '#include "pema/engine.h"', True),
    ("sqlite outside its folder", "profiles/store.cc", "#include <sqlite3.h>", True),
    ("libpq outside its folder", "profiles/sqlite/database.cc", "#include <libpq-fe.h>", True),
    ("torch outside training", "src/engine/a.cc", "#include <torch/torch.h>", True),
    ("unknown folder", "src/new/a.cc", "", True),
    ("downward", "src/engine/a.cc", '#include "kernels/compose.h"', False),
    ("arithmetic for recall", "src/memory/a.cc", '#include "kernels/key_search.h"', False),
    ("sideways from recall", "src/memory/a.cc", '#include "profiles/codec.h"', True),
    ("own header", "src/plm/a.cc", '#include "src/plm/batch.h"', False),
    ("contract", "kernels/a.cc", '#include "pema/adapter.h"', False),
]


def main():
    failures = 0
    for name, path, line, expect_problem in CASES:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True)
            file.write_text(line + "\n", encoding="utf-8")
            problems, _ = check(pathlib.Path(folder))
            if bool(problems) != expect_problem:
                failures += 1
                print(f"{name}: expected {'a problem' if expect_problem else 'none'}, got {problems}")
    print(f"{len(CASES)} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
