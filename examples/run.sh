#!/bin/sh
# Builds the program strata and traces a sentence with the model of examples/model. Arguments go to "strata trace":
# sh examples/run.sh --text 'My own sentence'
set -eu
here=$PWD
cd "$(dirname "$0")/.."
. cmake/setup.sh

set_up programs
CMAKE_BUILD_PARALLEL_LEVEL=$(parallel_jobs)
export CMAKE_BUILD_PARALLEL_LEVEL
quietly 'strata: building the program, in build/program' sh -c '
  cmake -S . -B build/program -DCMAKE_BUILD_TYPE=Release -DSTRATA_BUILD_TESTS=OFF -DCMAKE_UNITY_BUILD=ON '"$(fast_options | xargs)"' &&
  cmake --build build/program --target strata'
program=$PWD/build/program/examples/strata
cd "$here"

# given NAME argument…: whether the option is among the arguments
given() {
  option=$1
  shift
  for argument; do
    case $argument in "$option" | "$option"=*) return 0 ;; esac
  done
  return 1
}

given --text "$@" || given --file "$@" || given --tokens "$@" ||
  set -- --text 'The poor woman could not help it, and she began to weep bit' "$@"
given --json "$@" || {
  set -- --json strata-trace.json "$@"
  echo "strata: the trace is written to $here/strata-trace.json" >&2
}
exec "$program" trace "$@"
