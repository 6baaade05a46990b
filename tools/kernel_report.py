#!/usr/bin/env python3
"""What nvcc made of every CUDA kernel: registers, spills, loads by width, occupancy; held against a budget.

Compiles each .cu to a cubin and reads the machine code from its ELF sections, since nvdisasm is not part of what is installed:
an instruction is 16 bytes, its low 12 bits are the opcode, bits 73 to 75 the width of a memory access. That table is no
document of NVIDIA's: opcodes outside it are not counted, so the budget asks whether an instruction is there or not, never how many
in all. Exit status: 0 within the budget, 1 not, 77 without nvcc (ctest: skipped).
"""
import argparse
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

OPCODES = {
    0x381: "LDG", 0x981: "LDG", 0x386: "STG", 0x986: "STG", 0x984: "LDS", 0x388: "STS", 0x988: "STS",
    0x983: "LDL", 0x387: "STL", 0x987: "STL", 0xFAE: "LDGSTS", 0x389: "SHFL", 0x589: "SHFL", 0x989: "SHFL", 0xF89: "SHFL",
    0x806: "VOTE", 0xB1D: "BAR", 0x308: "MUFU", 0x223: "FFMA", 0x823: "FFMA", 0x423: "FFMA",
    0x224: "IMAD", 0x824: "IMAD", 0x228: "DMUL", 0x229: "DADD", 0x22B: "DFMA", 0x23C: "HMMA",
}
WIDTHS = ("U8", "S8", "U16", "S16", "32", "64", "128", "?")
WITH_WIDTH = {"LDG", "STG", "LDS", "STS", "LDL", "STL"}
LOCAL = ("LDL", "STL")
DOUBLE = ("DMUL", "DADD", "DFMA")

# Per multiprocessor: registers, warps, blocks, bytes of shared memory. CUDA programming guide, compute capabilities.
MACHINES = {"80": (65536, 64, 32, 164 * 1024), "90": (65536, 64, 32, 228 * 1024)}
RESERVED_SHARED = 1024  # per block, taken by CUDA


def occupancy(arch, registers, shared, threads):
    """Share of the multiprocessor's warps that can be there at once."""
    all_registers, max_warps, max_blocks, max_shared = MACHINES[arch]
    warps = -(-threads // 32)
    per_warp = -(-registers * 32 // 256) * 256
    by_registers = (all_registers // 4 // per_warp * 4) // warps
    by_shared = max_shared // (-(-(shared + RESERVED_SHARED) // 128) * 128)
    return min(max_blocks, max_warps // warps, by_registers, by_shared) * warps / max_warps


def code_sections(path):
    """{mangled kernel: bytes of its code} of an ELF64 file."""
    data = path.read_bytes()
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    names = sections[names_at][4]
    found = {}
    for name, _, _, _, offset, length in sections:
        text = data[names + name:data.index(b"\0", names + name)].decode()
        if text.startswith(".text."):
            found[text[len(".text."):]] = data[offset:offset + length]
    return found


def count_instructions(code):
    counts = {}
    for at in range(0, len(code) - 15, 16):
        low, high = struct.unpack_from("<QQ", code, at)
        name = OPCODES.get(low & 0xFFF)
        if name is None:
            continue
        if name in WITH_WIDTH:
            name += "." + WIDTHS[high >> 9 & 7]
        counts[name] = counts.get(name, 0) + 1
    return counts





def demangled(names):
    out = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()
    short = []
    for name in out:
        name = re.sub(r"(\w+::)+", "", name)
        name = re.sub(r"^void ", "", name)
        short.append(re.sub(r"\(\w+(<[^()]*>)?\)$", "", name))
    return dict(zip(names, short))


def required_threads(ptx):
    """{mangled kernel: threads per block} from .maxntid, which __launch_bounds__ writes."""
    return {name: int(threads) for name, threads in re.findall(r"\.entry\s+(\w+)\s*\([^)]*\)\s*\.maxntid\s+(\d+)", ptx)}


def compile_source(options, source, arch, folder):
    """[kernel] of one source: name, registers, spills, stack, shared, counts, occupancy."""
    cubin = folder / f"{source.stem}.{arch}.cubin"
    ptx = folder / f"{source.stem}.{arch}.ptx"
    base = [options.nvcc, "-std=c++20", "-I", str(options.root), "-I", str(options.root / "include"), *options.flag]
    subprocess.run([*base, f"-arch=compute_{arch}", "-ptx", "-o", str(ptx), str(source)], check=True)
    ptxas = pathlib.Path(options.nvcc).with_name("ptxas")
    run = subprocess.run([str(ptxas), f"-arch=sm_{arch}", "-v", *options.ptxas, "-o", str(cubin), str(ptx)], check=True,
                         capture_output=True, text=True)
    threads = required_threads(ptx.read_text(encoding="utf-8"))
    code = code_sections(cubin)
    names = demangled(list(code))
    kernels = []
    for mangled, body in code.items():
        used = re.search(rf"Function properties for {mangled}\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, "
                         r"(\d+) bytes spill loads\n.*?Used (\d+) registers(.*)", run.stderr)
        stack, spill_stores, spill_loads, registers = (int(used.group(i)) for i in range(1, 5))
        shared = re.search(r"(\d+) bytes smem", used.group(5))
        kernel = {"name": names[mangled], "arch": arch, "registers": registers, "stack": stack,
                  "spills": spill_stores + spill_loads, "shared": int(shared.group(1)) if shared else 0,
                  "threads": threads[mangled], "counts": count_instructions(body)}
        kernel["occupancy"] = occupancy(arch, registers, kernel["shared"], kernel["threads"])
        kernels.append(kernel)
    return kernels


def breaches(kernel, budget):
    where = f"{kernel['name']} sm_{kernel['arch']}"
    allowed = budget["kernels"].get(kernel["name"])
    if allowed is None:
        return [f"{where}: is not in the budget file"]
    found = []
    if kernel["registers"] > allowed["max_registers"]:
        found.append(f"{where}: {kernel['registers']} registers, at most {allowed['max_registers']}")
    if kernel["occupancy"] < allowed["min_occupancy"]:
        found.append(f"{where}: occupancy {kernel['occupancy']:.2f}, at least {allowed['min_occupancy']}")
    local = sum(n for name, n in kernel["counts"].items() if name.startswith(LOCAL))
    if kernel["spills"] or local or kernel["stack"]:
        found.append(f"{where}: local memory traffic ({kernel['spills']} bytes spilled, {kernel['stack']} bytes of stack, "
                     f"{local} instructions)")
    if any(name in DOUBLE for name in kernel["counts"]):
        found.append(f"{where}: float64 arithmetic")
    for name, least in allowed.get("need", {}).items():
        if kernel["counts"].get(name, 0) < least:
            found.append(f"{where}: needs >= {least} {name}, has {kernel['counts'].get(name, 0)}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    parser.add_argument("--root", type=pathlib.Path, default=here.parent)
    parser.add_argument("--budget", type=pathlib.Path, default=here / "kernels.budget.json")
    parser.add_argument("--arch", nargs="*", default=sorted(MACHINES))
    parser.add_argument("--only", nargs="*", help="stems of sources; default: every .cu with kernels")
    parser.add_argument("--flag", action="append", default=[], help="for nvcc, as --flag=-DNAME=1")
    parser.add_argument("--ptxas", action="append", default=[], help="for ptxas, as --ptxas=-maxrregcount=24")
    options = parser.parse_args()
    if not pathlib.Path(options.nvcc).is_file():
        print("SKIPPED: there is no nvcc on this machine")
        return 77
    version = re.search(r"release ([\d.]+)", subprocess.run([options.nvcc, "--version"], capture_output=True, text=True,
                                                            check=True).stdout).group(1)
    budget = json.loads(options.budget.read_text(encoding="utf-8"))
    if version != budget["nvcc"]:
        print(f"note: nvcc {version}; the budget was written for {budget['nvcc']}")
    problems = []
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((options.root / "kernels" / "cuda").glob("*.cu")):
            if options.only and source.stem not in options.only:
                continue
            if "_kernel" not in source.read_text(encoding="utf-8"):
                continue
            for arch in options.arch:
                for kernel in compile_source(options, source, arch, pathlib.Path(folder)):
                    seen.add(kernel["name"])
                    counts = " ".join(f"{name}:{n}" for name, n in sorted(kernel["counts"].items()))
                    print(f"{kernel['name']:<55} sm_{arch} {kernel['registers']:>3} registers {kernel['shared']:>6} B shared "
                          f"occupancy {kernel['occupancy']:.2f}  {counts}")
                    problems += breaches(kernel, budget)
    if not options.only:
        problems += [f"{name}: in the budget file, but no such kernel" for name in budget["kernels"] if name not in seen]
    for problem in problems:
        print("BREACH", problem)
    print(f"{len(seen)} kernels, {len(problems)} breaches")
    return 1 if problems or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
