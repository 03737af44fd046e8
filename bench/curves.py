#!/usr/bin/env python3
"""Mean total variation at each size, and its area over log10(size) from 1e-3 on, for several ways to trace the same prompts:

  python3 bench/curves.py --program build/program/examples/strata --model MODEL --prompts FILE [--first N] [--length T]
      --way "zero" --way "published: --published" --way "mean: --ablation mean --reference FILE"

A way is a name and the options of `strata trace` that make it; differences are to the first way, prompt by prompt, with
their standard errors. Prompts: one a line, up to a tab, cut to T tokens; {next} in a way's options stands for the tokens
of the next prompt.
"""
import argparse
import json
import math
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile


def traced(program, model, prompt, options, folder):
    file = pathlib.Path(folder) / "trace.json"
    command = [program, "trace", "--model", model, "--json", str(file)] + prompt + options
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}: {done.stderr.strip()}")
    return json.loads(file.read_text())


def mean_and_error(values):
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.mean(values), error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True)
    parser.add_argument("--first", type=int, default=20, help="number of prompts")
    parser.add_argument("--length", type=int, default=16, help="tokens of each")
    parser.add_argument("--sizes", default="0.001,0.003,0.01,0.03,0.1,0.2,0.4,1")
    parser.add_argument("--way", action="append", required=True)
    given = parser.parse_args()

    with open(given.prompts, encoding="utf-8") as lines:
        texts = [line.rstrip("\n").split("\t")[0] for line in lines]
    texts = [text for text in texts if text]
    ways = [(way.partition(":")[0].strip(), way.partition(":")[2]) for way in given.way]
    with tempfile.TemporaryDirectory() as folder:
        prompts = []
        for text in texts:
            tokens = traced(given.program, given.model, ["--text", text], ["--sizes", "1e-5"], folder)["tokens"]
            if len(tokens) >= given.length:
                prompts.append(",".join(str(token) for token in tokens[: given.length]))
            if len(prompts) == given.first:
                break
        results = {name: [] for name, _ in ways}
        for i, prompt in enumerate(prompts):
            for name, options in ways:
                options = shlex.split(options.replace("{next}", prompts[(i + 1) % len(prompts)]))
                results[name].append(
                    traced(given.program, given.model, ["--tokens", prompt], ["--sizes", given.sizes] + options, folder))

    sizes = [float(size) for size in given.sizes.split(",")]
    print(f"{len(prompts)} prompts of {given.length} tokens\n")
    print("| way | area (standard error) | minus " + ways[0][0] + " | " + " | ".join(f"{s:g}" for s in sizes) + " |")
    print("|---" * (3 + len(sizes)) + "|")
    first = [trace["tv_area"] for trace in results[ways[0][0]]]
    for name, _ in ways:
        areas = [trace["tv_area"] for trace in results[name]]
        area, error = mean_and_error(areas)
        difference, its_error = mean_and_error([a - b for a, b in zip(areas, first)])
        apart = "" if name == ways[0][0] else f"{difference:+.2f} ({its_error:.2f})"
        variation = [statistics.mean(trace["curve"][i]["tv"] for trace in results[name]) for i in range(len(sizes))]
        print(f"| {name} | {area:.2f} ({error:.2f}) | {apart} | " + " | ".join(f"{v:.3f}" for v in variation) + " |")


if __name__ == "__main__":
    main()
