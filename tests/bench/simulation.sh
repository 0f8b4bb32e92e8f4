#!/usr/bin/env bash
# The simulated network with many more seeds than in the test suite, in a release build.
#
# usage: tests/bench/simulation.sh [SEEDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
WSBENCH_SEEDS=${1:-100000} cargo test --release --lib simulation
