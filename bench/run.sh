#!/bin/sh
# Measures all figures of docs/benchmarks.md that are of SmolLM2-135M, in one run of a quarter of an hour:
#   sh examples/get_smollm2.sh
#   sh bench/run.sh [--json FILE] [--quick] [--compare]
# --json: also writes them as a list of objects with name, value, reach and ok. --quick: fewer repeats, two minutes.
# --compare: also PyTorch and llama.cpp, which "python3 bench/compare.py --setup" installs.
set -eu
here=$PWD
cd "$(dirname "$0")/.."
. cmake/setup.sh

model=$PWD/models/SmolLM2-135M-Instruct.Q4_1.gguf
[ -e "$model" ] || {
  echo "bench: $model is not there: sh examples/get_smollm2.sh fetches it" >&2
  exit 1
}

compare=
for argument; do
  shift
  if [ "$argument" = --compare ]; then compare=$PWD/build/bench/compare.json; else set -- "$@" "$argument"; fi
done
if [ "$compare" ] && [ ! -x build/compare/bin/python ]; then
  echo 'bench: PyTorch and llama.cpp are left out: python3 bench/compare.py --setup installs them' >&2
  compare=
fi

set_up bench
CMAKE_BUILD_PARALLEL_LEVEL=$(parallel_jobs)
export CMAKE_BUILD_PARALLEL_LEVEL
quietly 'bench: building, in build/bench' sh -c '
  cmake -S . -B build/bench -DCMAKE_BUILD_TYPE=Release -DSTRATA_NATIVE=ON -DSTRATA_BUILD_BENCH=ON -DSTRATA_BUILD_TESTS=OFF \
    '"$(fast_options | xargs)"' &&
  cmake --build build/bench --target bench_report'"${compare:+ bench_plain_pass}"

if [ "$compare" ]; then
  echo 'bench: PyTorch and llama.cpp' >&2
  build/compare/bin/python bench/compare.py --program build/bench/bench/bench_plain_pass >"$compare"
  set -- --compare "$compare" "$@"
fi

report=$PWD/build/bench/bench/bench_report
cd "$here"
exec "$report" --model "$model" "$@"
