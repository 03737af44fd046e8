#!/usr/bin/env python3
"""GGUF twins of the random models in goldens/models: the same weights in the layout of llama.cpp's converter.

Needs: pip install numpy gguf
Run:   python3 make_gguf_twins.py   (writes gguf_twins/NAME.gguf beside itself, the same bytes every time)

A twin named after a model has its weights, in F32 or the 16-bit type of the model; those in ROUNDED have rounded matrices.
Two models cannot be expressed as they are: GGUF has no place for Gemma 3's attention scale, pattern of windows and local
base frequency, and no golden has longrope. Their twins come with the config.json that says the same, gguf_twins/NAME.json.
Source: the metadata keys and tensor names of the gguf package; what the converter writes, and how it turns tensors.
"""
import json
import math
import pathlib

import gguf
import numpy as np

HERE = pathlib.Path(__file__).parent
OUT = HERE / "gguf_twins"
TYPES = gguf.GGMLQuantizationType
ROUNDED = {
    "gpt_neox": TYPES.Q8_0,
    "llama_rope_llama3": TYPES.Q8_0,
    "llama_bias": TYPES.F16,
    "phi3_longrope": TYPES.F16,
}
ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "phi3": gguf.MODEL_ARCH.PHI3,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "gpt2": gguf.MODEL_ARCH.GPT2,
    "gpt_neox": gguf.MODEL_ARCH.GPTNEOX,
    "olmo2": gguf.MODEL_ARCH.OLMO2,
}
# What the text of config.json is changed to for the twin that has no golden of its own: model, changes.
VARIANTS = {
    "gemma3": ("gemma3_text", {
        "layer_types": ["sliding_attention"] * 3,  # five of six, and there are only three
        "query_pre_attn_scalar": 20,               # the width of a head
        "rope_local_base_freq": 10000.0,
    }),
    "phi3_longrope": ("phi3", {
        "original_max_position_embeddings": 32,
        "rope_scaling": {
            "type": "longrope",
            "long_factor": [1.0, 1.25, 2.0, 3.5, 5.0, 7.5],
            "short_factor": [1.0, 1.0625, 1.125, 1.25, 1.5, 2.0],
        },
    }),
}


def read_weights(folder):
    """Tensors as float32, and the type that they were stored in."""
    weights, stored = {}, TYPES.F32
    raw = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":  # which numpy does not have
            bits = np.frombuffer(raw[begin:end], np.uint16).astype(np.uint32) << 16
            values, stored = bits.view(np.float32), TYPES.BF16
        else:
            values = np.frombuffer(raw[begin:end], {"F32": np.float32, "F16": np.float16}[entry["dtype"]])
            stored = TYPES.F16 if entry["dtype"] == "F16" else stored
        weights[name] = values.astype(np.float32).reshape(entry["shape"])
    return weights, stored


def interleaved(tensor, heads):
    """Rows of a head in the order in which neighbours are rotated, instead of rows half a head apart."""
    split = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return split.swapaxes(1, 2).reshape(tensor.shape)


def by_part(tensor, heads):
    """NeoX: the queries, keys and values of one head after the other, to all queries, all keys, all values."""
    split = tensor.reshape(heads, 3, tensor.shape[0] // heads // 3, *tensor.shape[1:])
    return split.swapaxes(0, 1).reshape(tensor.shape)


def turned(kind, name, tensor, config):
    if kind == "llama" and ".q_proj." in name:
        return interleaved(tensor, config["num_attention_heads"])
    if kind == "llama" and ".k_proj." in name:
        return interleaved(tensor, config["num_key_value_heads"])
    if kind == "gpt_neox" and ".query_key_value." in name:
        return by_part(tensor, config["num_attention_heads"])
    if kind == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return tensor.T  # stored (in, out)
    if kind == "gemma3_text" and name.endswith("norm.weight"):
        return tensor + np.float32(1)
    return tensor


def llama3_factors(config):
    """What the wavelengths of the rotary angles are multiplied by."""
    scaling, width = config["rope_scaling"], config["head_dim"]
    low, high, factor = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["factor"]
    turns = scaling["original_max_position_embeddings"] / (
        2 * math.pi * config["rope_theta"] ** (np.arange(0, width, 2) / width))
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def write_settings(writer, kind, config):
    first = lambda *keys: next(config[key] for key in keys if key in config)
    width, heads = first("hidden_size", "n_embd"), first("num_attention_heads", "n_head")
    writer.add_block_count(first("num_hidden_layers", "n_layer"))
    writer.add_context_length(first("max_position_embeddings", "n_positions"))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(first("intermediate_size", "n_inner"))
    writer.add_head_count(heads)
    if kind in ("gpt2", "gpt_neox"):
        writer.add_layer_norm_eps(first("layer_norm_epsilon", "layer_norm_eps"))
    else:
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(config["rope_theta"])
    if "head_dim" in config:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if kind == "llama":
        writer.add_vocab_size(config["vocab_size"])
        writer.add_rope_dimension_count(config.get("head_dim", width // heads))
    if kind == "gpt_neox":  # the converter does not write the base frequency
        writer.add_rope_dimension_count(int(config["rotary_pct"] * (width // heads)))
        writer.add_parallel_residual(config["use_parallel_residual"])
    if kind == "gemma3_text":
        writer.add_sliding_window(config["sliding_window"])
    if kind == "phi3":
        original = config["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_dimension_count(int(config["partial_rotary_factor"] * width) // heads)
        writer.add_sliding_window(config["sliding_window"] or 0)
        if scaling:
            growth = config["max_position_embeddings"] / original
            writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(growth) / math.log(original)))


def write_tokenizer(writer, count):
    tokens = ["<unk>", "<s>", "</s>"] + [f"t{i}" for i in range(3, count)]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(count)])
    kinds = gguf.TokenType
    writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.NORMAL] * (count - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def write_twin(name, model, changes):
    folder = HERE / "goldens" / "models" / model
    config = json.loads((folder / "config.json").read_text()) | changes
    if changes:
        (OUT / (name + ".json")).write_text(json.dumps(config, indent=2) + "\n")
    kind = config["model_type"]
    arch = ARCHITECTURES[kind]
    weights, stored = read_weights(folder)
    wanted = ROUNDED.get(name, stored)
    writer = gguf.GGUFWriter(OUT / (name + ".gguf"), gguf.MODEL_ARCH_NAMES[arch])
    writer.add_name(name)
    write_settings(writer, kind, config)
    write_tokenizer(writer, config["vocab_size"])
    names = gguf.get_tensor_name_map(arch, 3)
    for source, tensor in weights.items():
        target = names.get_name(source, try_suffixes=(".weight", ".bias"))
        assert target is not None, source
        tensor = np.ascontiguousarray(turned(kind, source, tensor, config))
        # one-dimensional ones always stay in F32
        type_ = wanted if tensor.ndim == 2 else TYPES.F32
        writer.add_tensor(target, gguf.quants.quantize(tensor, type_), raw_dtype=type_)
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    if scaling.get("type") == "longrope":
        writer.add_tensor("rope_factors_long.weight", np.array(scaling["long_factor"], np.float32))
        writer.add_tensor("rope_factors_short.weight", np.array(scaling["short_factor"], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for twin in ("qwen2", "qwen3", "phi3", "phi3_partial", "gpt2", "gpt_neox", "gpt_neox_seq", "olmo2",
                 "llama_rope_llama3", "llama_rope_linear", "llama_bias"):
        write_twin(twin, twin, {})
    for twin, (source_model, changed) in VARIANTS.items():
        write_twin(twin, source_model, changed)
