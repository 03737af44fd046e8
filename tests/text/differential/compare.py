"""Compares encode_lines with the reference implementation, the PyPI package `tokenizers`, on generated texts.

    python3 compare.py ENCODE_LINES SOURCE_FOLDER BUILD_FOLDER

Exit status: 0 all equal, 1 a difference, 77 the package cannot be had.
"""

import copy
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import unicodedata

VERSION = "0.23.3"
TEXTS = 2000
TEXTS_OF_A_VARIANT = 300


def skip(why):
    """Ends the test as skipped, or, where STRATA_REQUIRE_ALL is set, as failed."""
    print(f"skipped: {why}")
    sys.exit(1 if os.environ.get("STRATA_REQUIRE_ALL") else 77)


def reference(build):
    """The class Tokenizer of the package, which is put into the build folder once."""
    folder = build / f"tokenizers-{VERSION}"
    if not folder.exists():
        part = folder.with_suffix(".part")  # an interrupted installation is not taken for a whole one
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps",
               "--only-binary=:all:", "--target", str(part), f"tokenizers=={VERSION}"]
        try:
            subprocess.run(pip, check=True, timeout=120, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            skip(f"pip cannot install tokenizers {VERSION}")
        part.rename(folder)
    sys.path.insert(0, str(folder))
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        skip(f"tokenizers {VERSION} cannot be imported: {error}")
    return Tokenizer


# Characters that Unicode 3.2 had already: the reference's tables and ICU's may be of different later versions.
RANGES = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x400), (0x400, 0x500), (0x5D0, 0x5EB), (0x621, 0x653), (0x660, 0x66A),
          (0x905, 0x940), (0x966, 0x970), (0xE01, 0xE3B), (0x1E00, 0x1F00), (0x1F00, 0x1FFF), (0x2010, 0x2030),
          (0x2070, 0x20A0), (0x2100, 0x2190), (0x2190, 0x2300), (0x2460, 0x2500), (0x3041, 0x3100), (0x4E00, 0x9FA6),
          (0xAC00, 0xD7A4), (0xF900, 0xFA2E), (0xFB00, 0xFB07), (0xFF01, 0xFFE6), (0x1D400, 0x1D7CA), (0x20000, 0x20100)]
RANGES = [[chr(c) for c in range(a, b) if unicodedata.ucd_3_2_0.category(chr(c)) != "Cn"] for a, b in RANGES]
MARKS = [chr(c) for c in range(0x300, 0x345)] + ["\u0651", "\u064e", "\u093f", "\u05b8", "\u3099", "\u20dd", "\ufe0f"]
SPACES = [" ", " ", " ", "\n", "\r\n", "\r", "\t", "\v", "\f", "\u0085", "\u00a0", "\u2003", "\u2028", "\u2029", "\u3000",
          "\u200b", "\ufeff", "\u1680", "\u180e", "\u202f", "\u205f"]
EMOJI = ["😀", "👩‍👩‍👧", "🇩🇪", "❤️", "☎", "👍🏽", "1️⃣", "🙂", "⌚", "🏴"]
ODD = ["'s", "'S", "'ll", "'LL", "’t", "'", "<|", "|>", "▁", "▁▁", "Ġ", "<0x", "<s", ">", "_", "__", "//", "/\n", "=>",
       "\u200d", "\u00ad", "\u0000", "\u0001", "\u001b", "\u007f", "\u009f", "\ue000", "\U0010fffd", "\ufffd"]
WORDS = ["the", "The", "THE", "hello", "camelCase", "HTTPServer", "x", "don't", "we'LL", "naïve", "Straße", "слово",
         "日本語", "한국어", "once upon a time", "little", "http://a.b/c?d=1&e", "fi", "ﬁ", "if (x[i] != 0) {"]
DIGITS = ["0", "7", "42", "123", "1234", "1234567890", "3.14", "1,000", "½", "²", "Ⅷ", "٣٤٥", "४५", "１２", "𝟘𝟙", "①"]


def text(choose, special):
    def part():
        kind = choose.randrange(12)
        if kind < 3:
            return choose.choice(WORDS)
        if kind == 3:
            characters = choose.choice(RANGES)
            return "".join(choose.choice(characters) for _ in range(choose.randint(1, 6)))
        if kind == 4:
            return "".join(choose.choice(choose.choice(RANGES)) for _ in range(choose.randint(1, 4)))
        if kind == 5:
            return choose.choice(SPACES) * choose.randint(1, 5)
        if kind == 6:
            return "".join(choose.choice(SPACES) for _ in range(choose.randint(1, 5)))
        if kind == 7:
            return choose.choice(DIGITS)
        if kind == 8:
            return choose.choice(EMOJI)
        if kind == 9:
            base = choose.choice("aeéoüقकか가")
            return base + "".join(choose.choice(MARKS) for _ in range(choose.randint(1, 3)))
        if kind == 10 and special:
            return choose.choice(special)
        return choose.choice(ODD)

    separator = choose.choice(["", "", " "])
    return separator.join(part() for _ in range(choose.randint(0, 12)))


def texts(document, seed, count):
    choose = random.Random(seed)
    special = [token["content"] for token in document["added_tokens"]]
    # named bytes beyond ASCII are no text: each side shows them differently
    special = [s for s in special if not (s.startswith("<0x") and s[3] in "89ABCDEF")]
    absent = absent_bytes(document)
    out = ["", " ", "  ", "\n"]
    while len(out) < count:
        candidate = text(choose, special)
        if not absent.intersection(candidate.encode()):
            out.append(candidate)
    return out


def absent_bytes(document):
    """Bytes without a token: where one stands in a text, we refuse it and the reference drops it."""
    if document["decoder"]["type"] != "ByteLevel":
        return set()
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    characters = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return {b for b, character in characters.items() if character not in document["model"]["vocab"]}


def compare(program, tokenizer_class, name, ours, document, count):
    tokenizer = tokenizer_class.from_str(json.dumps(document))
    inputs = texts(document, name, count)
    run = subprocess.run([program, str(ours)], input="".join(json.dumps(t) + "\n" for t in inputs), encoding="utf-8",
                         capture_output=True, check=False)
    if run.returncode != 0:
        print(f"{name}: {run.stderr.strip()}")
        return 1
    differences = 0
    found = [json.loads(line) for line in run.stdout.split("\n") if line]
    assert len(found) == len(inputs)
    for given, (ids, with_special, decoded) in zip(inputs, found):
        expected_ids = tokenizer.encode(given, add_special_tokens=False).ids
        expected = [expected_ids, tokenizer.encode(given).ids,
                    tokenizer.decode(expected_ids, skip_special_tokens=False)]
        if expected != [ids, with_special, decoded]:
            differences += 1
            if differences <= 3:
                print(f"{name}: {given!r}\n  expected {expected}\n  found    {[ids, with_special, decoded]}")
    print(f"{name}: {len(inputs)} texts, {differences} differences")
    return differences


def variants(text_model, byte_model):
    """Settings that the files at hand do not have, over their vocabularies."""

    def changed(document, **keys):
        out = copy.deepcopy(document)
        for key, value in keys.items():
            if key == "model":
                out["model"].update(value)
            elif key == "added":
                # not for named bytes: the reference would then show their normalized names in place of the bytes
                out["added_tokens"] = [token if token["content"].startswith("<0x") else {**token, **value}
                                       for token in out["added_tokens"]]
            else:
                out[key] = value
        return out

    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    unmark = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    decoder = {"type": "Sequence", "decoders": [unmark, {"type": "ByteFallback"}, {"type": "Fuse"}]}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    yield "gemma", changed(text_model, normalizer=mark, pre_tokenizer=split, decoder=decoder)
    for scheme in "always", "first", "never":
        for whole in False, True:
            space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": whole}
            yield f"metaspace-{scheme}-{whole}", changed(text_model, normalizer=None, pre_tokenizer=space)
    # with every byte named, nothing is unknown; without byte_fallback most of a text is
    for fuse in False, True:
        yield f"unknown-{fuse}", changed(text_model, model={"byte_fallback": False, "fuse_unk": fuse})
    yield "whole-words", changed(text_model, model={"ignore_merges": True}, normalizer=None,
                                 pre_tokenizer={"type": "Metaspace", "replacement": "▁"})
    for form in "NFC", "NFD", "NFKC", "NFKD":
        steps = [{"type": form}, {"type": "Prepend", "prepend": "▁"}, mark]
        yield form, changed(text_model, normalizer={"type": "Sequence", "normalizers": steps})
    yield "normalized", changed(text_model, added={"normalized": True})
    for edge in "lstrip", "rstrip", "single_word":
        yield f"text-{edge}", changed(text_model, added={edge: True})
        yield f"bytes-{edge}", changed(byte_model, added={edge: True})
    prefixed = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": False}
    yield "prefixed", changed(byte_model, pre_tokenizer=prefixed)
    yield "digits", changed(byte_model, pre_tokenizer={"type": "Sequence", "pretokenizers": [digits, prefixed]})


def main():
    program, source, build = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    tokenizer_class = reference(build)
    data, shared = source / "tests/data/text", source / "../shared"
    files = {"default": source / "examples/model/tokenizer.json"}
    for name in "llama3-like", "qwen2-like", "smollm-like", "llama2-like":
        files[name] = data / f"{name}.tokenizer.json"
    foreign = {"stories260K": shared / "models/stories260K/hf/tokenizer.json",
               "tinytalk-gpt2": shared / "models/tinytalk-gpt2/tokenizer.json",
               "smollm2": shared / "goldens/tokenizers/smollm2-corrected.tokenizer.json"}
    differences = 0
    for name, file in {**files, **foreign}.items():
        if name in foreign and not file.exists():
            print(f"{name}: not compared, {file} is not there")
            continue
        document = json.loads(file.read_text(encoding="utf-8"))
        differences += compare(program, tokenizer_class, name, file, document, TEXTS)
        weights = pathlib.Path(os.environ.get("STRATA_SMOLLM2", source / "models/SmolLM2-135M-Instruct.Q4_1.gguf"))
        if name == "smollm2" and weights.exists():
            differences += compare(program, tokenizer_class, "smollm2, GGUF", weights, document, TEXTS)
    documents = {name: json.loads(files[name].read_text(encoding="utf-8")) for name in ("llama2-like", "qwen2-like")}
    for name, document in variants(documents["llama2-like"], documents["qwen2-like"]):
        ours = build / f"variant-{name}.json"
        ours.write_text(json.dumps(document), encoding="utf-8")
        differences += compare(program, tokenizer_class, name, ours, document, TEXTS_OF_A_VARIANT)
    sys.exit(1 if differences else 0)


main()
