#!/usr/bin/env python3
"""Times a plain forward pass of SmolLM2-135M on one core in PyTorch and in llama.cpp, and in strata with --program.

    sh examples/get_smollm2.sh             # the model, 98 MB
    python3 bench/compare.py --setup       # packages into build/compare: 3 GB, and llama.cpp is compiled
    python3 bench/compare.py --program build/bench/bench/bench_plain_pass

All take the weights from the same GGUF file: PyTorch computes with them expanded to float32, as strata does; llama.cpp
with the file's quantised blocks, and with activations that it quantises too. Same tokens, all in one batch, only the
last token's logits, no cache of an earlier run. The programs take turns; printed are medians and quartiles of processor
seconds, as JSON on standard output and as a table on standard error.
"""

import argparse
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "build" / "compare"
MODEL = ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGES = {  # module: (package, version)
    "numpy": ("numpy", "2.4.6"),
    "gguf": ("gguf", "0.19.0"),
    "torch": ("torch", "2.15.0"),
    "transformers": ("transformers", "4.57.1"),
    "llama_cpp": ("llama-cpp-python", "0.3.36"),
}


def stop(message):
    sys.exit(f"compare: {message}")


def setup():
    python = ENVIRONMENT / "bin" / "python"
    packages = [f"{package}=={version}" for package, version in PACKAGES.values()]
    for command in ([sys.executable, "-m", "venv", str(ENVIRONMENT)], [str(python), "-m", "pip", "install", *packages]):
        # What they print goes to standard error: standard output is for the result.
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            stop(f"this failed: {' '.join(command)}")
    print(f"compare: the packages are in {ENVIRONMENT}; next: python3 bench/compare.py", file=sys.stderr)


def find_packages():
    """Goes on in the environment of --setup if this Python lacks a package."""
    missing = [package for module, (package, _) in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return
    python = ENVIRONMENT / "bin" / "python"
    if python.exists() and pathlib.Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        sys.stdout.flush()
        os.execv(python, [str(python), *sys.argv])
    stop(f"{', '.join(missing)} not installed in {sys.prefix}: python3 bench/compare.py --setup")


def open_model(path):
    if not path.exists():
        stop(f"{path} is not there: sh examples/get_smollm2.sh fetches it")
    if path.open("rb").read(4) != b"GGUF":
        stop(f"{path} is no GGUF file: --model takes one, sh examples/get_smollm2.sh fetches one")
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:
        stop(f"{path} cannot be read ({error}): sh examples/get_smollm2.sh fetches a whole one")
    architecture = reader.get_field("general.architecture").contents()
    if architecture != "llama":
        stop(f"{path} is a model of architecture {architecture}, expected llama: --model takes another file")
    scaled = [key for key in reader.fields if key.startswith("llama.rope.scaling")]
    other = [t.name for t in reader.tensors if not t.name.endswith(".weight") or t.name.startswith("rope")]
    if scaled or other:
        stop(f"{path} has {(scaled + other)[0]}, which is not compared here: --model takes a plain Llama, as SmolLM2")
    return reader


def torch_model(reader):
    """The model of transformers, with the file's weights expanded to float32."""
    import gguf
    import torch
    import transformers

    def value(key):
        return reader.get_field(f"llama.{key}").contents()

    weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    heads, kv_heads = value("attention.head_count"), value("attention.head_count_kv")
    config = transformers.LlamaConfig(
        vocab_size=weights["token_embd.weight"].shape[0],
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_theta=value("rope.freq_base"),
        max_position_embeddings=value("context_length"),
        tie_word_embeddings="output.weight" not in weights,
    )

    def halves(weight, count):
        """Rows of each head from the file's rotary pairs to transformers' two halves."""
        rows, columns = weight.shape
        return weight.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)

    parts = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    outer = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    state = {}
    for name, weight in weights.items():
        if name.startswith("blk."):
            _, layer, part, _ = name.split(".")
            if part in ("attn_q", "attn_k"):
                weight = halves(weight, heads if part == "attn_q" else kv_heads)
            state[f"model.layers.{layer}.{parts[part]}.weight"] = torch.tensor(weight)
        else:
            state[outer.get(name, "lm_head.weight")] = torch.tensor(weight)
    if config.tie_word_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = transformers.LlamaForCausalLM(config).eval()
    model.load_state_dict(state)
    return model


class Torch:
    """Eager or sdpa attention, whichever is faster at the first number of tokens."""

    def __init__(self, reader, vocabulary, counts):
        self.model = torch_model(reader)
        times = {}
        for attention in ("eager", "sdpa") * 3:
            self.model.set_attn_implementation(attention)
            self.run(prompt(vocabulary, counts[0]))
            start = time.process_time()
            self.run(prompt(vocabulary, counts[0]))
            times.setdefault(attention, []).append(time.process_time() - start)
        self.attention = min(times, key=lambda name: min(times[name]))
        self.model.set_attn_implementation(self.attention)

    def run(self, tokens):
        import torch

        with torch.inference_mode():
            return self.model(torch.tensor([tokens]), use_cache=False, logits_to_keep=1).logits[0, -1].numpy()

    def measure(self, tokens):
        return timed(lambda: self.run(tokens))


class LlamaCpp:
    def __init__(self, path, vocabulary, counts):
        import llama_cpp

        longest = max(counts)
        self.vocabulary = vocabulary
        self.built_with = llama_cpp.llama_print_system_info().decode().strip()
        self.model = llama_cpp.Llama(
            str(path), n_ctx=longest, n_batch=longest, n_ubatch=longest, n_threads=1, n_threads_batch=1, verbose=False
        )

    def run(self, tokens):
        import llama_cpp

        self.model.reset()  # nothing before: eval then clears the cache
        self.model.eval(tokens)
        logits = llama_cpp.llama_get_logits_ith(self.model.ctx, -1)
        return ctypes.cast(logits, ctypes.POINTER(ctypes.c_float * self.vocabulary)).contents

    def measure(self, tokens):
        return timed(lambda: self.run(tokens))


class Program:
    """A child that answers numbers of tokens with JSON lines: seconds, top, logits."""

    def __init__(self, program, model):
        try:
            self.child = subprocess.Popen(
                [program, str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        except OSError as error:
            stop(
                f"{program} cannot be started ({error.strerror}): cmake -S . -B build/bench -DSTRATA_BUILD_BENCH=ON "
                "-DSTRATA_BUILD_TESTS=OFF && cmake --build build/bench builds build/bench/bench/bench_plain_pass"
            )

    def measure(self, tokens):
        start = time.perf_counter()
        try:
            self.child.stdin.write(f"{len(tokens)}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the missing answer says so
        line = self.child.stdout.readline()
        if not line:
            stop(f"{self.child.args[0]} ended with status {self.child.wait()} instead of an answer")
        answer = json.loads(line)
        return answer["seconds"], time.perf_counter() - start, answer["top"], answer["logits"]


def prompt(vocabulary, count):
    return [(37 * t + 11) % vocabulary for t in range(count)]


def timed(run):
    """Processor and wall seconds, the most probable token and the first logits."""
    wall, processor = time.perf_counter(), time.process_time()
    logits = run()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    values = [float(x) for x in logits]
    return processor, wall, max(range(len(values)), key=values.__getitem__), values[:4]


def compare(programs, vocabulary, counts, repeats):
    result = {name: {} for name in programs}
    for count in counts:
        tokens = prompt(vocabulary, count)
        runs = {name: [] for name in programs}
        for repeat in range(repeats + 1):
            for name, program in programs.items():
                answer = program.measure(tokens)
                if repeat > 0:  # the first touches memory
                    runs[name].append(answer)
        for name, answers in runs.items():
            low, median, high = statistics.quantiles([a[0] for a in answers], n=4, method="inclusive")
            result[name][str(count)] = {
                "median": median,
                "low": low,
                "high": high,
                "wall": statistics.median(a[1] for a in answers),
                "top": answers[-1][2],
                "logits": answers[-1][3],
            }
    return result


def print_table(result, counts):
    base = "strata" if "strata" in result else "torch"
    for count in map(str, counts):
        print(f"{count} tokens: processor ms of one pass (quartiles), against {base}, top token", file=sys.stderr)
        for name, times in result.items():
            t = times[count]
            low, median, high = (1e3 * t[key] for key in ("low", "median", "high"))
            print(
                f"  {name:10} {median:8.1f} ({low:.1f} to {high:.1f}) {t['median'] / result[base][count]['median']:6.2f}"
                f" {t['top']:7d}  logits {' '.join(f'{x:.5f}' for x in t['logits'])}",
                file=sys.stderr,
            )


def cpu_name():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="make build/compare with the packages, then end")
    parser.add_argument("--model", type=pathlib.Path, default=MODEL, help="a GGUF file of architecture llama")
    parser.add_argument("--program", help="bench_plain_pass, for strata's times between the others'")
    parser.add_argument("--tokens", type=int, nargs="+", default=[40, 128], help="numbers of tokens (40 128)")
    parser.add_argument("--repeats", type=int, default=11, help="timed runs of each (11)")
    arguments = parser.parse_args()
    if arguments.setup:
        return setup()
    if min(arguments.tokens) < 1 or arguments.repeats < 2:
        stop("expected at least one token and two repeats")
    find_packages()
    reader = open_model(arguments.model)
    vocabulary = int(next(t for t in reader.tensors if t.name == "token_embd.weight").shape[1])

    torch_program = Torch(reader, vocabulary, arguments.tokens)
    programs = {"torch": torch_program, "llama_cpp": LlamaCpp(arguments.model, vocabulary, arguments.tokens)}
    if arguments.program:
        programs["strata"] = Program(arguments.program, arguments.model)
    result = compare(programs, vocabulary, arguments.tokens, arguments.repeats)
    print_table(result, arguments.tokens)
    result["torch"]["attention"] = torch_program.attention
    result["llama_cpp"]["built_with"] = programs["llama_cpp"].built_with
    result["versions"] = {package: importlib.metadata.version(package) for package, _ in PACKAGES.values()}
    result["versions"]["python"] = platform.python_version()
    result["cpu"] = cpu_name()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
