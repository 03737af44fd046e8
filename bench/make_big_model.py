"""Writes a model folder of the shape of Llama-3.1-8B with random weights: what a model of 8 G parameters takes can be
measured without one.

    python3 bench/make_big_model.py FOLDER [--layers N]
"""

import argparse
import json
import pathlib
import random
import shutil
import sys

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 128256,
}

SHARD_BYTES = 5 * 10**9  # the largest shard that Hugging Face writes
BF16_ONE = b"\x80\x3f"


def tensors(config):
    """Name and shape of every tensor, in the order of the computation."""
    width, mlp = config["hidden_size"], config["intermediate_size"]
    keys = width // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        for name, shape in (
            ("input_layernorm", (width,)),
            ("self_attn.q_proj", (width, width)),
            ("self_attn.k_proj", (keys, width)),
            ("self_attn.v_proj", (keys, width)),
            ("self_attn.o_proj", (width, width)),
            ("post_attention_layernorm", (width,)),
            ("mlp.gate_proj", (mlp, width)),
            ("mlp.up_proj", (mlp, width)),
            ("mlp.down_proj", (width, mlp)),
        ):
            yield f"model.layers.{layer}.{name}.weight", shape
    yield "model.norm.weight", (width,)
    yield "lm_head.weight", (config["vocab_size"], width)


def size_of(shape):
    size = 2
    for extent in shape:
        size *= extent
    return size


def shards(config):
    """The tensors, cut into files as Hugging Face does it."""
    shard, taken = [], 0
    for name, shape in tensors(config):
        if shard and taken + size_of(shape) > SHARD_BYTES:
            yield shard
            shard, taken = [], 0
        shard.append((name, shape))
        taken += size_of(shape)
    yield shard


def random_block():
    """About 64 MiB of bfloat16: random signs, magnitudes of 2^-7 to 2^-5, standard deviation 0.019.

    Its length has no factor in common with that of a row, so no two rows of a matrix are the same.
    """
    count = 2**25 - 1
    source = random.Random(1)
    block = bytearray(2 * count)
    block[0::2] = source.randbytes(count)
    block[1::2] = source.randbytes(count).translate(bytes([0x3C, 0xBC] * 128))
    return memoryview(block)


class Repeated:
    """A block of bytes that begins again where it ends."""

    def __init__(self, block):
        self.block, self.at = block, 0

    def write(self, out, size):
        while size > 0:
            piece = self.block[self.at : self.at + size]
            out.write(piece)
            size -= len(piece)
            self.at = (self.at + len(piece)) % len(self.block)


def write_shard(path, shard, values):
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shard:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, begin + size_of(shape)]}
        begin += size_of(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shard:
            if len(shape) == 1:
                out.write(BF16_ONE * shape[0])
            else:
                values.write(out, size_of(shape))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=CONFIG["num_hidden_layers"])
    given = parser.parse_args()
    if given.layers < 1:
        parser.error("--layers: at least 1")
    config = {**CONFIG, "num_hidden_layers": given.layers}

    given.folder.mkdir(parents=True, exist_ok=True)
    needed = sum(size_of(shape) for _, shape in tensors(config))
    free = shutil.disk_usage(given.folder).free
    print(f"{given.folder}: {needed / 1e9:.1f} GB to write, {free / 1e9:.1f} GB free")
    if needed + 2**30 > free:
        sys.exit("not enough space: a GiB more than the model has to be free")

    (given.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    values = Repeated(random_block())
    files = list(shards(config))
    weight_map = {}
    for number, shard in enumerate(files, 1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        print(name)
        write_shard(given.folder / name, shard, values)
        weight_map.update((tensor, name) for tensor, _ in shard)
    index = {"metadata": {"total_size": needed}, "weight_map": weight_map}
    (given.folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
