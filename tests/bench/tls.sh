#!/usr/bin/env bash
# What TLS costs a driver: full handshakes a second and core, and memory of a client whose connection is
# idle, of the layer and of rustls alone in one process; then the memory of 10,000 wss clients in a run.
#
# usage: tests/bench/tls.sh [CLIENTS]
# Needs a limit of open files above the clients, or more processes take a part each.
set -euo pipefail
cd "$(dirname "$0")/../.."
clients=${1:-10000}
cargo test --release --lib -- --ignored --nocapture beside_rustls | grep -E "^(layer|rustls):"
cargo build --release --quiet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/tls.toml" <<TOML
name = "tls"
clients = [$clients]
duration = "5s"
timeout = "60s"
driver_lateness = "1s"
[server.tls]
[[series]]
transport = "websocket"
TOML
target/release/wsbench run "$work/tls.toml" --out "$work/out" --reports csv -q || true
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "driver_resident_bytes_per_client") c = i
                    if ($i == "series") s = i } next }
         $s == "websocket" { print "run: " $c " B a client of the driver" }' "$work/out/summary.csv"
