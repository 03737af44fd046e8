# Sourced by tests/fuzz/run.sh and tests/fuzz/save.sh, from the root of the sources and after cmake/setup.sh.
# shellcheck shell=sh disable=SC2034 # the variable is used by those that source this

# The fuzzers that there are: NAME of every tests/ROOM/fuzz_NAME.hpp.
names() {
  find tests -path 'tests/*/fuzz_*.hpp' | sed 's|.*/fuzz_||; s|\.hpp$||' | sort
}

# build NAME…
build() {
  quietly 'fuzz: configure (clang++)' cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None \
    -DSTRATA_BUILD_FUZZERS=ON -DSTRATA_BUILD_TESTS=OFF -DSTRATA_BUILD_EXAMPLES=OFF -DSTRATA_NATIVE=OFF
  # shellcheck disable=SC2046 # words
  quietly 'fuzz: build' cmake --build build/fuzz --parallel "$(parallel_jobs)" --target $(printf 'fuzz_%s ' "$@")
}

# The address sanitizer of clang 14 cannot place its shadow memory under the address randomisation of newer kernels.
fixed_addresses=
if setarch -R true 2>/dev/null; then
  fixed_addresses='setarch -R'
fi
