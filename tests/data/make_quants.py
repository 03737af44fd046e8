#!/usr/bin/env python3
"""Quantised blocks of the types that tests/data/goldens has no values for, and their values.

Needs: pip install numpy gguf safetensors
Run:   python3 make_quants.py   (writes quants_2_3.safetensors beside itself, the same bytes every time)
"""
import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

random = np.random.default_rng(20)
tensors = {}
# where the half scales of a block lie
for name, places in {"Q2_K": (80, 82), "Q3_K": (108,)}.items():
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    raw = random.integers(0, 256, (4, size), dtype=np.uint8)
    for row in range(4):
        for place in places:
            scale = np.float16(random.normal() * 0.1)
            if row == 3:
                scale = np.float16(3e-7)  # subnormal
            raw[row, place:place + 2] = np.frombuffer(scale.tobytes(), np.uint8)
    values = gguf.quants.dequantize(raw, kind)
    assert values.shape == (4, elements) and np.isfinite(values).all()
    tensors[name + ".raw"] = raw
    tensors[name + ".values"] = np.ascontiguousarray(values, np.float32)
save_file(tensors, pathlib.Path(__file__).parent / "quants_2_3.safetensors")
