#!/usr/bin/env python3
"""Writes a LoRA adapter of random weights for every linear layer of a GGUF model: what llama.cpp users would load per person.

GGUF version 3, float32 tensors `<weight>.lora_a` [rank, in] and `<weight>.lora_b` [out, rank] (llama.cpp's names; GGUF lists the
fastest dimension first)."""
import random
import struct
import sys

LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, UINT32, FLOAT32 = 8, 9, 4, 6
ALIGNMENT = 32


class Reader:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read(64 << 20)  # the header lies in front
        self.at = 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def string(self):
        size = self.number("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.value(inner)
            return None
        self.at += SIZES[kind]
        return None


def linear_layers(path):
    """(architecture, [(tensor name, in, out)])"""
    reader = Reader(path)
    if reader.data[:4] != b"GGUF":
        raise SystemExit(f"{path} is no GGUF file")
    reader.at = 8
    tensors, pairs = reader.number("Q"), reader.number("Q")
    architecture = None
    for _ in range(pairs):
        key = reader.string()
        value = reader.value(reader.number("I"))
        if key == "general.architecture":
            architecture = value
    layers = []
    for _ in range(tensors):
        name = reader.string()
        sizes = [reader.number("Q") for _ in range(reader.number("I"))]
        reader.at += 12  # type and offset
        parts = name.split(".")
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in LINEAR and parts[3] == "weight":
            layers.append((name, sizes[0], sizes[1]))
    return architecture, layers


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def main():
    model, out, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
    architecture, layers = linear_layers(model)
    generator = random.Random(7)
    tensors = []
    for name, width, height in layers:
        tensors.append((f"{name}.lora_a", [width, rank]))
        tensors.append((f"{name}.lora_b", [rank, height]))
    pairs = [("general.architecture", architecture), ("general.type", "adapter"), ("adapter.type", "lora")]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs) + 1)
    for key, value in pairs:
        header += text(key) + struct.pack("<I", STRING) + text(value)
    header += text("adapter.lora.alpha") + struct.pack("<If", FLOAT32, float(rank))
    offset = 0
    for name, sizes in tensors:
        header += text(name) + struct.pack("<I", 2) + struct.pack("<QQ", *sizes) + struct.pack("<IQ", 0, offset)
        offset += -(-4 * sizes[0] * sizes[1] // ALIGNMENT) * ALIGNMENT
    with open(out, "wb") as file:
        file.write(header.ljust(-(-len(header) // ALIGNMENT) * ALIGNMENT, b"\0"))
        for _, sizes in tensors:
            count = sizes[0] * sizes[1]
            values = struct.pack(f"<{count}f", *(generator.uniform(-1e-3, 1e-3) for _ in range(count)))
            file.write(values.ljust(-(-len(values) // ALIGNMENT) * ALIGNMENT, b"\0"))


if __name__ == "__main__":
    main()
