#!/usr/bin/env bash
# The whole test suite with a layer that changes nothing between meter and protocol of every
# connection, of clients and of the server: it must not show in any byte, count or check.
#
# usage: tests/bench/identity_layer.sh [TEST FILTER…]
# Takes as long as the suite itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo test --features identity-layer --lib net::
cargo test --features identity-layer --test wsbench -- "$@"
