#!/bin/sh
# Saves the best of the inputs that tests/fuzz/run.sh found, after it has ended: sh tests/fuzz/save.sh [NAME…]
# tests/data/fuzz/NAME becomes at most 25 KB of those inputs that reach the most places in the code, and the tests read
# every file of it. Prints the places that they reach and that all inputs in build/fuzz/corpus/NAME reach.
set -eu
cd "$(dirname "$0")/../.."
. cmake/setup.sh
. tests/fuzz/build.sh

# fuzz NAME argument…
fuzz() {
  name=$1
  shift
  $fixed_addresses "build/fuzz/tests/fuzz/fuzz_$name" "$@" >"build/fuzz/$name.save.log" 2>&1 || {
    tail -n 5 "build/fuzz/$name.save.log" >&2
    return 1
  }
}

places() {
  fuzz "$1" -runs=0 -use_counters=0 "$2"
  sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "build/fuzz/$1.save.log"
}

save() {
  saved=tests/data/fuzz/$1
  chosen=build/fuzz/chosen/$1
  rm -rf "$chosen"
  mkdir -p "$saved" "$chosen"
  # Places only, not how often each is reached. The chosen files are written in their order: each is the one that adds
  # most to those before it.
  fuzz "$1" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$chosen" "build/fuzz/corpus/$1" "$saved"
  rm -f "$saved"/*
  left=25000
  # shellcheck disable=SC2045 # the names are check sums
  for input in $(ls -tr "$chosen"); do
    bytes=$(wc -c <"$chosen/$input")
    [ "$bytes" -le "$left" ] || continue
    cp "$chosen/$input" "$saved"
    left=$((left - bytes))
  done
  echo "$1: $(find "$saved" -type f | wc -l) files, $((25000 - left)) bytes," \
    "$(places "$1" "$saved") of $(places "$1" "build/fuzz/corpus/$1") places"
}

# shellcheck disable=SC2046 # words
[ $# != 0 ] || set -- $(names)
build "$@"
for fuzzer; do
  save "$fuzzer"
done
