#!/bin/sh
# Combinations that the two legs of tests/run.sh leave out. All are tried; the last line says which failed.
set -eu
cd "$(dirname "$0")/.."
. cmake/setup.sh

set_up tests
CMAKE_BUILD_PARALLEL_LEVEL=$(parallel_jobs)
export CMAKE_BUILD_PARALLEL_LEVEL
failed=

# combination NAME option…: a build folder of its own
combination() {
  name=$1
  folder=build/nightly/$1
  shift
  quietly "$name: configure" cmake -S . -B "$folder" -DCMAKE_UNITY_BUILD=ON "$@" &&
    quietly "$name: build" cmake --build "$folder" &&
    ctest --test-dir "$folder" --output-on-failure --parallel "$CMAKE_BUILD_PARALLEL_LEVEL" -LE 'static|package' ||
    failed="$failed $name"
}

clang='-DCMAKE_CXX_COMPILER=clang++'
gcc='-DCMAKE_CXX_COMPILER=g++'
combination clang-release "$clang" -DCMAKE_BUILD_TYPE=Release
quietly 'clang-release: every header alone' cmake --build build/nightly/clang-release \
  --target all_verify_interface_header_sets || failed="$failed clang-headers-alone"
# The only one that compiles each source by itself: it finds what a source takes from its neighbours.
combination gcc-debug "$gcc" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-D_GLIBCXX_ASSERTIONS -DCMAKE_UNITY_BUILD=OFF
combination gcc-baseline "$gcc" -DCMAKE_BUILD_TYPE=Release -DSTRATA_NATIVE=OFF
combination gcc-no-assert "$gcc" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=-DSTRATA_NO_ASSERT
if [ "$(uname -m)" = x86_64 ]; then
  combination gcc-avx2 "$gcc" -DCMAKE_BUILD_TYPE=Release '-DCMAKE_CXX_FLAGS=-mno-avx512f'
  combination clang-avx2 "$clang" -DCMAKE_BUILD_TYPE=Release '-DCMAKE_CXX_FLAGS=-mno-avx512f'
fi

[ -z "$failed" ] || echo "failed:$failed" >&2
[ -z "$failed" ]
