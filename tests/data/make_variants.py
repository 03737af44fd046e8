"""Makes tests/data/variants: small random models, each with a setting that the goldens do not have, and their logits.

    python3 -m venv hf && hf/bin/pip install torch==2.15.0 transformers==4.57.1 safetensors==0.8.0 numpy==2.4.6
    hf/bin/python tests/data/make_variants.py

Every model is written the way published models are and then read back by transformers, so the logits belong to the
files. transformers computes rotary angles, norms and softmax in float32 whatever the type of the model; here its modules
see a torch whose float32 is float64. That this changes nothing else is checked first: the models in tests/data/goldens
must give the logits of their independent float64 computation. Every setting must matter: the same weights without it
must give other logits.
"""

import json
import pathlib
import sys
import tempfile
import types
import zlib

import numpy
import torch
import transformers
import transformers.modeling_rope_utils
from safetensors import safe_open
from safetensors.torch import save_file

DATA = pathlib.Path(__file__).parent
VOCABULARY = 61
MATTERS = 1e-3  # least difference of a logit

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 64, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "rope_scaling": None, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    "torch_dtype": "float32",
}  # fmt: skip
YARN = LLAMA | {"head_dim": 16, "rope_theta": 50.0, "torch_dtype": "float16"}  # angles on both sides of the range
YARN_PLAIN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
YARN_FACTOR = YARN_PLAIN | {"attention_factor": 0.75, "beta_fast": 1.5, "beta_slow": 0.25, "truncate": False}
YARN_MSCALE = {"rope_type": "yarn", "factor": 4.0, "mscale": 0.5, "mscale_all_dim": 2.0}
LONGROPE = {"type": "longrope", "short_factor": [1.0, 1.25, 1.5, 2.0], "long_factor": [1.5, 2.5, 4.0, 7.0]}
PHI3 = LLAMA | {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "max_position_embeddings": 32,
    "original_max_position_embeddings": 8, "rope_scaling": LONGROPE, "pad_token_id": 0,
}  # fmt: skip
WINDOW = LLAMA | {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
GEMMA3 = {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "vocab_size": VOCABULARY, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 7, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    "max_position_embeddings": 64, "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6,
    "rope_theta": 1000.0, "rope_local_base_freq": 10.0, "rope_scaling": None, "sliding_window": 3,
    "sliding_window_pattern": 3, "attn_logit_softcapping": None, "final_logit_softcapping": None,
    "torch_dtype": "float32",
}  # fmt: skip
GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCABULARY, "n_embd": 32, "n_head": 4,
    "n_layer": 2, "n_positions": 32, "n_ctx": 32, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
NEOX = {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "vocab_size": VOCABULARY, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32,
    "hidden_act": "gelu", "layer_norm_eps": 1e-5, "rotary_emb_base": 10000, "rotary_pct": 0.5,
    "use_parallel_residual": True, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
OLMO2 = LLAMA | {"architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2"}
MISTRAL = LLAMA | {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": None}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 8, "attention_bias": True}


def without_prefix(prefix):
    return lambda tensors: {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def as_published_gpt2(tensors):
    """No prefix, and the causal mask stored as if it were a weight."""
    masks = {f"h.{layer}.attn.bias": torch.ones(32, 32).tril()[None, None].clone() for layer in range(2)}
    return without_prefix("transformer.")(tensors) | masks


def as_published_neox(tensors):
    """The buffers that the files of Pythia contain beside the weights."""
    for layer in range(2):
        prefix = f"gpt_neox.layers.{layer}.attention."
        tensors[prefix + "bias"] = torch.ones(32, 32, dtype=torch.bool).tril()[None, None].clone()
        tensors[prefix + "masked_bias"] = torch.tensor(-1e9, dtype=torch.bfloat16)
        tensors[prefix + "rotary_emb.inv_freq"] = torch.tensor([1.0, 0.01], dtype=torch.bfloat16)
    return tensors


# name: config, prompts, changes of which every one must matter, and how the tensors are named where not as usual
VARIANTS = {
    "llama_yarn": (YARN | {"rope_scaling": YARN_PLAIN}, {"short": 9, "long": 24},
                   [{"rope_scaling": None}, {"rope_scaling": YARN_PLAIN | {"original_max_position_embeddings": 64}}]),
    "llama_yarn_attention": (YARN | {"rope_scaling": YARN_FACTOR}, {"": 20},
                             [{"rope_scaling": {k: v for k, v in YARN_FACTOR.items() if k != left_out}}
                              for left_out in ("attention_factor", "beta_fast", "beta_slow", "truncate")]),
    "llama_yarn_mscale": (YARN | {"rope_scaling": YARN_MSCALE, "max_position_embeddings": 16}, {"": 16},
                          [{"rope_scaling": YARN_MSCALE | {"mscale": 1.0}}, {"max_position_embeddings": 64},
                           {"rope_scaling": YARN_MSCALE | {"mscale_all_dim": None}}]),
    "llama_dynamic": (LLAMA | {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 16,
                               "torch_dtype": "float16"}, {"short": 9, "long": 27}, [{"rope_scaling": None}]),
    "phi3_longrope": (PHI3, {"short": 7, "long": 13},
                      [{"rope_scaling": None}, {"original_max_position_embeddings": 16},
                       {"rope_scaling": LONGROPE | {"long_factor": LONGROPE["short_factor"]}},
                       {"rope_scaling": LONGROPE | {"short_factor": LONGROPE["long_factor"]}}]),
    "qwen2_window": (WINDOW | QWEN2, {"": 11},
                     [{"use_sliding_window": False}, {"max_window_layers": 0}, {"max_window_layers": 2}]),
    "qwen3_window": (WINDOW | QWEN3, {"": 11},
                     [{"use_sliding_window": False}, {"max_window_layers": 0}, {"attention_bias": False}]),
    "gemma3_pattern": (GEMMA3, {"": 11},
                       [{"sliding_window_pattern": 6}, {"sliding_window": 4}, {"query_pre_attn_scalar": 8},
                        {"rope_theta": 10.0}, {"rope_local_base_freq": 1000.0}]),
    "gpt2_bare": (GPT2, {"": 8}, [], as_published_gpt2),
    "llama_bare": (LLAMA | {"tie_word_embeddings": True}, {"": 8}, [], without_prefix("model.")),
    "llama_f16": (LLAMA | {"torch_dtype": "float16"}, {"": 8}, []),
    "neox_bf16": (NEOX, {"": 8}, [{"rotary_pct": 0.25}], as_published_neox),
    "olmo2_sharded": (OLMO2, {"": 8}, []),
    "gpt2_gelu": (GPT2 | {"activation_function": "gelu"}, {"": 8}, [{"activation_function": "gelu_new"}]),
    "llama_gelu": (LLAMA | {"hidden_act": "gelu_pytorch_tanh"}, {"": 8}, [{"hidden_act": "silu"}, {"hidden_act": "gelu"}]),
    "mistral_full": (MISTRAL | {"head_dim": 12}, {"": 11}, [{"sliding_window": 4}]),
}  # fmt: skip


class float64_torch(types.ModuleType):
    """What transformers' modules see as torch."""

    float = float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def compute_in_float64():
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    transformers.modeling_rope_utils.torch = float64_torch("torch")


def logits_of(folder, tokens):
    """(tokens, vocabulary), by a model read afresh: the angles of the longest prompt so far stay in the model."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager").eval()  # fmt: skip
    sys.modules[type(model).__module__].torch = float64_torch("torch")
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


def check_against_goldens():
    """The other float64 computation agrees, for every model of the goldens."""
    for folder in sorted((DATA / "goldens/models").iterdir()):
        with safe_open(DATA / f"goldens/runs/{folder.name}.safetensors", "numpy") as run:
            tokens, expected = run.get_tensor("tokens").tolist(), run.get_tensor("logits")
        error = abs(logits_of(folder, tokens) - expected).max()
        print(f"golden {folder.name}: {error:.1e}")
        assert error < 1e-10


def random_weights(config, seed):
    """Weights large enough that no attention pattern is near uniform; norms and biases are random too."""
    model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config))
    tensors = {}
    for name, parameter in model.named_parameters():  # without the second name of tied weights
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if "embed" in name or "wte" in name:
            pass
        elif name.endswith("weight") and values.ndim == 1:
            values = 0.3 * values + (0.0 if config["model_type"] == "gemma3_text" else 1.0)
            if "q_norm" in name or "k_norm" in name:
                values += 2.0 if config["model_type"] == "gemma3_text" else 0.5
        else:
            values *= 0.3
        tensors[name] = values.to(getattr(torch, config.get("torch_dtype", "float32")))
    return tensors


def write_model(folder, config, tensors, shards):
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, config)
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    names = sorted(tensors)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard::shards]  # the tensors of one layer lie in different files
        save_file({name: tensors[name] for name in part}, folder / file, metadata)
        weight_map |= dict.fromkeys(part, file)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_config(folder, config):
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def check_that_it_matters(name, folder, config, change, prompts, expected):
    with tempfile.TemporaryDirectory() as copy:
        copy = pathlib.Path(copy)
        for file in folder.glob("model*"):
            (copy / file.name).write_bytes(file.read_bytes())
        write_config(copy, config | change)
        differences = [abs(logits_of(copy, tokens) - expected[key]).max() for key, tokens in prompts.items()]
        print(f"{name} with {json.dumps(change)}: logits differ by", *(f"{d:.1e}" for d in differences))
        assert max(differences) > MATTERS


def check_storage(name, config, seed, prompts, expected):
    """Names and shards change nothing; a type of 16 bits does, against the same weights before rounding."""
    with tempfile.TemporaryDirectory() as usual:
        usual = pathlib.Path(usual)
        unrounded = config | {"torch_dtype": "float32"}
        write_model(usual, unrounded, random_weights(unrounded, seed), 1)
        difference = max(abs(logits_of(usual, tokens) - expected[key]).max() for key, tokens in prompts.items())
        print(f"{name} stored as usual, in float32: logits differ by {difference:.1e}")
        rounded = config.get("torch_dtype", "float32") != "float32"
        assert difference > MATTERS if rounded else difference == 0


def make(name, config, lengths, changes, rename=lambda tensors: tensors):
    folder = DATA / "variants" / name
    seed = zlib.crc32(name.encode())
    write_model(folder, config, rename(random_weights(config, seed)), 2 if name == "olmo2_sharded" else 1)
    tokens = numpy.random.default_rng(seed).permutation(VOCABULARY)
    prompts = {key: tokens[:length].tolist() for key, length in lengths.items()}
    expected = {key: logits_of(folder, prompt) for key, prompt in prompts.items()}
    run = {}
    for key, prompt in prompts.items():
        suffix = "." + key if key else ""
        run["tokens" + suffix] = torch.tensor(prompt, dtype=torch.int32)
        run["logits" + suffix] = torch.from_numpy(expected[key]).clone()
        spread = expected[key].std()
        print(f"{name}{suffix}: {len(prompt)} tokens, standard deviation of the logits {spread:.2f}")
    save_file(run, folder / "run.safetensors")
    check_storage(name, config, seed, prompts, expected)
    for change in changes:
        check_that_it_matters(name, folder, config, change, prompts, expected)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    compute_in_float64()
    check_against_goldens()
    for variant, description in VARIANTS.items():
        make(variant, *description)
