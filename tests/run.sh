#!/bin/sh
# Builds and runs all tests, in two legs: g++ with full optimisation for this machine's processor, a CBLAS and threads,
# and clang++ with the address and undefined-behaviour sanitizers, Eigen alone and one thread. Arguments go to both cmakes:
# sh tests/run.sh -DSTRATA_WERROR=ON
set -eu
cd "$(dirname "$0")/.."
. cmake/setup.sh

set_up tests
CMAKE_BUILD_PARALLEL_LEVEL=$(parallel_jobs)
export CMAKE_BUILD_PARALLEL_LEVEL

# leg PRESET COMPILER WORDS…: configures, builds and tests; the test "leg" compares the words with what it was built as.
leg() {
  preset=$1
  compiler=$2
  export STRATA_LEG="$3"
  shift 3
  quietly "$preset: configure ($compiler)" cmake --preset "$preset" -DCMAKE_CXX_COMPILER="$compiler" "$@"
  quietly "$preset: build" cmake --build --preset "$preset"
  echo "$preset: test ($STRATA_LEG)" >&2
  $fixed_addresses ctest --preset "$preset" --parallel "$CMAKE_BUILD_PARALLEL_LEVEL"
}

# The address sanitizer of clang 14 cannot place its shadow memory under the address randomisation of newer kernels.
fixed_addresses=
if setarch -R true 2>/dev/null; then
  fixed_addresses='setarch -R'
fi

[ -e models/SmolLM2-135M-Instruct.Q4_1.gguf ] ||
  echo 'SmolLM2 is not tested: sh examples/get_smollm2.sh fetches it' >&2

leg release g++ 'gcc release native blas threads' -DSTRATA_USE_BLAS=ON -DSTRATA_USE_OPENMP=ON "$@"
leg asan clang++ 'clang debug address undefined' "$@"
