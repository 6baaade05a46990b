#!/usr/bin/env python3
"""Fails on an #include that goes upward or sideways in the layer list of docs/architecture.md.

Layers (design section 5): a folder may include its own headers and those of lower layers, never a higher one or a sibling.
Third-party headers are kept in one place each: sqlite3.h in profiles/sqlite, libpq in profiles/postgres, torch in src/train, llama.h in src/plm.
"""
import pathlib
import re
import sys

LAYER = {
    "src/core": 0,
    "src/data": 1, "profiles": 1, "kernels": 1, "src/memory": 1,
    "src/engine": 2, "src/train": 2, "src/plm": 2, "src/encoder": 2,
    "tools": 3, "bench": 3,
}
# Siblings that may be included all the same: recall is arithmetic over what src/memory keeps.
BELOW = {("src/memory", "kernels")}
# Public headers belong to the layer that implements them.
PUBLIC = {
    "pema/store.h": 1, "pema/backup.h": 1, "pema/audit.h": 1, "pema/erasure.h": 1, "pema/operating.h": 1, "pema/master_key.h": 1, "pema/profile_reader.h": 1, "pema/bulk_enrolment.h": 1, "pema/segment_edit.h": 1, "pema/segment_list.h": 1, "pema/memory.h": 1, "pema/codebook.h": 1, "pema/memory_manager.h": 1, "pema/recall_index.h": 1, "pema/top_words.h": 1,
    "pema/data/": 1, "pema/engine.h": 2, "pema/similar.h": 2, "pema/costs.h": 2, "pema/device.h": 2, "pema/planner.h": 2, "pema/memory_plan.h": 2,
    "pema/train/": 2, "pema/plm/": 2,
}
# profiles/ stores segments, whose declaration is in the contract; everything else of a sibling is closed to it.
PUBLIC_OWNER = {
    "pema/store.h": "profiles", "pema/backup.h": "profiles", "pema/audit.h": "profiles", "pema/erasure.h": "profiles", "pema/operating.h": "profiles", "pema/master_key.h": "profiles", "pema/profile_reader.h": "profiles", "pema/bulk_enrolment.h": "profiles", "pema/segment_list.h": "profiles", "pema/data/": "src/data", "pema/engine.h": "src/engine",
    "pema/similar.h": "src/engine", "pema/costs.h": "src/engine", "pema/device.h": "src/engine", "pema/planner.h": "src/engine", "pema/memory_plan.h": "src/engine", "pema/train/": "src/train",
    "pema/plm/": "src/plm",
}
ONLY_IN = {
    r"sqlite3\.h": ("profiles/sqlite/", "bench/registry/"),
    r"lmdb\.h": "bench/registry/",
    r"libpq-fe\.h": "profiles/postgres/",
    r"sodium\.h": ("profiles/seal.cc", "profiles/master_key.cc"),
    r"(torch|ATen|c10)/": ("src/train/", "bench/kernels"),  # a bench measures peers
    r"(llama|ggml|gguf)[\w-]*\.h": ("src/plm/", "bench/decode/"),
    r"faiss/": ("src/memory/", "bench/kernels", "bench/memory"),
    r"CLI/": ("tools/command_line.cc", "tools/program.cc"),  # seconds in every source that includes it
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def home_of(path: str):
    return next((home for home in sorted(LAYER, key=len, reverse=True) if path.startswith(home + "/")), None)


def target_of(include: str):
    """(layer, owner) of an included file of ours, or None for somebody else's."""
    if include.startswith("pema/"):
        for prefix, layer in PUBLIC.items():
            if include.startswith(prefix):
                return layer, PUBLIC_OWNER.get(prefix)
        return 0, None
    home = home_of(include)
    return (LAYER[home], home) if home else None


def check(root: pathlib.Path):
    problems = []
    files = [p for top in ("src", "profiles", "kernels", "tools", "bench", "include") if (root / top).is_dir()
             for p in sorted((root / top).rglob("*")) if p.suffix in {".h", ".cc", ".cu", ".cuh"}]
    for path in files:
        relative = path.relative_to(root).as_posix()
        if relative.startswith("include/"):
            public = target_of(relative.removeprefix("include/"))
            layer, home = public
        else:
            home = home_of(relative)
            if home is None:
                problems.append(f"{relative}: its folder is in no layer; add it to LAYER")
                continue
            layer = LAYER[home]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            include = match.group(1)
            for pattern, place in ONLY_IN.items():
                if re.match(pattern, include) and not relative.startswith(place):
                    problems.append(f"{relative}:{number}: {include} may only be included in {place}")
            target = target_of(include)
            if target is None:
                continue
            target_layer, owner = target
            if target_layer > layer:
                problems.append(f"{relative}:{number}: layer {layer} includes {include} of layer {target_layer}")
            elif target_layer == layer and owner not in (None, home) and layer not in (0, 3) and (home, owner) not in BELOW:
                problems.append(f"{relative}:{number}: {home} includes {include} of its sibling {owner}")
    return problems, len(files)


def main():
    root = pathlib.Path(sys.argv[1])
    problems, count = check(root)
    for problem in problems:
        print(problem)
    print(f"{count} files, {len(problems)} problems")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
