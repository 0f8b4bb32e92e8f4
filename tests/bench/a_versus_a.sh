#!/usr/bin/env bash
# The gate's false alarms on this machine: a server against itself, again and again. Says how often
# each verdict was given, and fails where one of them is FAIL.
#
# usage: tests/bench/a_versus_a.sh [TIMES]
# Needs a release build; a comparison takes one to three minutes. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
times=${1:-20}
cargo build --release --quiet
wsbench=target/release/wsbench scenario=tests/bench/gate.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

serve="$wsbench serve --scenario $scenario --bind 127.0.0.1:{port} @ http://127.0.0.1:{port}"
failed=0
for n in $(seq "$times"); do
    code=0
    "$wsbench" compare "$scenario" --quiet --seed "$n" --out "$work/$n" --a "$serve" --b "$serve" \
        --format json >"$work/judgement.json" 2>"$work/errors" || code=$?
    python3 - "$work/judgement.json" "$n" "$code" <<'PY'
import collections, json, sys
found = json.load(open(sys.argv[1]))["findings"]
count = collections.Counter(f"{x['kind']} {x['decision']}" for x in found)
pairs = max((x["effect"]["pairs"] for x in found if x.get("effect")), default=0)
bad = [f"{x['subject']['series']}.{x['subject']['metric']}: {x['text']}" for x in found if x["decision"] == "fail"]
print(f"{sys.argv[2]}: exit {sys.argv[3]}, {pairs} pairs,", ", ".join(f"{n} {k}" for k, n in sorted(count.items())), *bad, flush=True)
PY
    [ "$code" = 0 ] || { failed=$((failed + 1)); cat "$work/errors" >&2; }
done
echo "$failed of $times comparisons of a server with itself did not pass"
[ "$failed" = 0 ]
