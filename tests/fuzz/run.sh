#!/bin/sh
# Builds and runs the fuzzers: sh tests/fuzz/run.sh [SECONDS] [NAME…]
# SECONDS each, 60 if left out; NAME as in tests/ROOM/fuzz_NAME.hpp, all if left out. Inputs that give new coverage stay
# in build/fuzz/corpus/NAME for the next run; tests/fuzz/save.sh picks the few among them that the tests read.
# An input that crashes, hangs or takes more than 2 GiB is left in build/fuzz/findings, and the result is 1.
set -eu
cd "$(dirname "$0")/../.."
. cmake/setup.sh
. tests/fuzz/build.sh

# Well-formed inputs among the test data, beside the saved corpus.
seeds() {
  case $1 in
    safetensors) find tests/data -name '*.safetensors' -size -16k ;;
    weight_map) find tests/data -name '*.index.json' ;;
    config_json) find tests/data -name config.json ;;
  esac
}

# The words that the readers of the fuzzer's room look for, in the form of a libFuzzer dictionary, and numbers whose
# product or sum with a small one overflows.
dictionary() {
  room=$(basename "$(dirname "$(find tests -name "fuzz_$1.hpp")")")
  grep -ohE '"[A-Za-z0-9_.]+"' "include/strata/$room"/*.hpp | grep -v '\.hpp"' | sort -u
  printf '"%s"\n' 4294967296 576460752303423488 2305843009213693952 9223372036854775808 18446744073709551615 -1 1e999 \
    '\x00\x00\x00\x00\x00\x00\x00\x80' '\xff\xff\xff\xff\xff\xff\xff\xff'
}

run() {
  name=$1
  corpus=build/fuzz/corpus/$name
  log=build/fuzz/$name.log
  mkdir -p "$corpus" build/fuzz/findings
  for seed in "tests/data/fuzz/$name"/* $(seeds "$name"); do
    [ ! -f "$seed" ] || cp "$seed" "$corpus/$(sha1sum "$seed" | cut -d' ' -f1)"
  done
  dictionary "$name" >"build/fuzz/$name.dict"
  set -- -dict="build/fuzz/$name.dict" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$name-"
  result=ok
  $fixed_addresses "build/fuzz/tests/fuzz/fuzz_$name" "$@" "$corpus" >"$log" 2>&1 || result="FAILED, see $log"
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/.*\(cov: [0-9]* ft: [0-9]* corp: [^ ]*\).*/\1/p' "$log" | tail -1)
  echo "$name: ${executions:-0} executions, $coverage, $result"
  [ "$result" = ok ]
}

seconds=${1:-60}
[ $# = 0 ] || shift
# shellcheck disable=SC2046 # words
[ $# != 0 ] || set -- $(names)
build "$@"
failed=
for name; do
  run "$name" || failed="$failed $name"
done
[ -z "$failed" ] || echo "failed:$failed" >&2
[ -z "$failed" ]
