#!/usr/bin/env bash
# The gate's false alarms on this machine: compares a server with itself, again and again, in turn
# one that pushes and one that is polled. Prints what each comparison found, and fails if one of
# them ended with another exit code than 0.
#
# usage: tests/bench/a_versus_a.sh [TIMES]
# Needs a release build; a comparison takes five minutes at the most. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
times=${1:-20}
cargo build --release --quiet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A copy: a build during the comparison does not change what is measured.
wsbench=$work/wsbench
cp target/release/wsbench "$wsbench"

failed=0
for n in $(seq "$times"); do
    series=$([ $((n % 2)) = 0 ] && echo websocket || echo polling)
    scenario=$work/$series.toml
    # One series of the scenario.
    awk -v RS= -v ORS='\n\n' -v keep="\"$series\"" '!/\[\[series\]\]/ || index($0, keep)' tests/bench/gate.toml >"$scenario"
    serve="$wsbench serve --scenario $scenario --bind 127.0.0.1:{port} @ http://127.0.0.1:{port}"
    code=0
    "$wsbench" compare "$scenario" --quiet --seed "$n" --out "$work/$n" --a "$serve" --b "$serve" \
        --format json >"$work/judgement.json" 2>"$work/errors" || code=$?
    python3 - "$work/judgement.json" "$n" "$series" "$code" <<'PY'
import collections, json, sys
_, file, n, series, code = sys.argv
found = json.load(open(file))["findings"]
count = collections.Counter(f"{x['kind']} {x['decision']}" for x in found)
pairs = max((x["effect"]["pairs"] for x in found if x.get("effect")), default=0)
bad = [x["text"] for x in found if x["decision"] == "fail"]
counts = ", ".join(f"{n} {kind}" for kind, n in sorted(count.items()))
print(f"{n}: {series}, exit {code}, {pairs} pairs: {counts}", *bad, sep="\n    ", flush=True)
PY
    [ "$code" = 0 ] || { failed=$((failed + 1)); cat "$work/errors" >&2; }
    rm -rf "${work:?}/$n"
done
echo "$failed of $times comparisons of a server with itself did not end with 0"
[ "$failed" = 0 ]
