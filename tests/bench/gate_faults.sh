#!/usr/bin/env bash
# Whether the gate catches the reference server's faults: A is the server without a fault, B the same
# with one. Prints which metrics fail for each, and fails if the one that belongs to it does not.
#
# usage: tests/bench/gate_faults.sh [FAULT…]
# Needs a release build; takes five minutes at the most for each series and fault. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet
wsbench=target/release/wsbench scenario=tests/bench/gate.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The fault, and the metric that must name it.
all=(
    "delay=2ms latency_us_p50"
    "header=64B heads_bytes"
    "cpu=50us server_cpu_us_per_message"
    "leak=1KiB server_resident_bytes_per_client"
    "leak=64B server_resident_growth_bytes_per_message"
    "drop=1% missing"
    "stall=40ms/500ms latency_us_p99"
)
wanted=("$@")
missed=0
for name in "${wanted[@]}"; do
    printf '%s\n' "${all[@]}" | grep -q "^$name=" || { echo "there is no fault $name" >&2; exit 2; }
done
for line in "${all[@]}"; do
    read -r fault metric <<<"$line"
    if [ "${#wanted[@]}" -gt 0 ] && ! printf '%s\n' "${wanted[@]}" | grep -qx "${fault%%=*}"; then continue; fi
    serve="$wsbench serve --scenario $scenario --bind 127.0.0.1:{port}"
    code=0
    "$wsbench" compare "$scenario" --quiet --format json --out "$work/$fault" \
        --a "$serve @ http://127.0.0.1:{port}" \
        --b "$serve --fault $fault @ http://127.0.0.1:{port}" >"$work/judgement.json" 2>"$work/errors" || code=$?
    failing=$(python3 - "$work/judgement.json" <<'PY'
import json, sys
found = json.load(open(sys.argv[1]))
names = {f"{x['subject']['series']}.{x['subject']['metric']}" for x in found["findings"] if x["decision"] == "fail"}
print(" ".join(sorted(names)) or "none")
PY
    ) || { cat "$work/errors" >&2; failing=none; }
    case $failing in
    *$metric*) verdict=caught ;;
    *) verdict=MISSED missed=1 ;;
    esac
    printf '%-20s exit %-3s %-7s %s\n' "$fault" "$code" "$verdict" "$failing"
done
exit $missed
