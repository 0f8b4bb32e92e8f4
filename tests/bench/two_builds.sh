#!/usr/bin/env bash
# What two builds' drivers cost beside each other: CPU per poll and per WebSocket echo, back to back,
# against one `wsbench serve` of the second build, each on a core of its own. Pairs of runs in random
# order; prints each load's estimate of B/A - 1 with its 95 % interval (Student's t of the logarithms).
#
# usage: tests/bench/two_builds.sh A B [PAIRS] [SECONDS] [CLIENTS]
# A and B are two programs. Load goes to 127.0.0.1 alone.
set -euo pipefail
a=$(readlink -f "$1") b=$(readlink -f "$2") pairs=${3:-20} seconds=${4:-3} clients=${5:-64}
[ "$pairs" -ge 4 ] || { echo "at least 4 pairs" >&2; exit 2; }
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

common="warmup = \"0s\"
duration = \"${seconds}s\"
cooldown = \"0s\"
driver_lateness = \"1s\"
clients = [$clients]"
# The head is named: a build's own choice for a server reached by its URL would be another request.
printf 'name = "polls"\n%s\n[[series]]\ntransport = "polling"\ninterval = "back-to-back"\nrequest_head = "chapter"\n' \
    "$common" >"$work/polls.toml"
printf 'name = "echoes"\n%s\n[feed]\nworkload = "echo"\n[[series]]\ntransport = "websocket"\necho = "back-to-back"\n' \
    "$common" >"$work/echoes.toml"
for load in polls echoes; do
    taskset -c 0 "$b" serve --scenario "$work/$load.toml" --bind 127.0.0.1:0 >"$work/$load.serve" &
    for _ in $(seq 50); do grep -q listening "$work/$load.serve" && break; sleep 0.1; done
    url=$(sed -n 's/^listening on //p' "$work/$load.serve")
    printf '[server]\nurl = "%s"\n' "$url" >>"$work/$load.toml"
done

TIMEFORMAT='%U %S'
cost() { # LOAD PROGRAM: CPU seconds a message by all processes of the driver, and those outside the kernel
    { time taskset -c 1 "$2" run "$work/$1.toml" --out "$work/out" --reports csv -q \
        >/dev/null 2>"$work/err"; } 2>"$work/time" || { cat "$work/err" >&2; exit 1; }
    messages=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "completed") c = i; next }
                        { sum += $c } END { print sum }' "$work/out/timeseries.csv")
    awk -v n="$messages" '{ printf "%.9f,%.9f", ($1 + $2) / n, $1 / n }' "$work/time"
    rm -rf "$work/out"
}
for load in polls echoes; do
    cost "$load" "$a" >/dev/null
    for pair in $(seq "$pairs"); do
        if [ $((RANDOM % 2)) = 0 ]; then
            of_a=$(cost "$load" "$a") of_b=$(cost "$load" "$b")
        else
            of_b=$(cost "$load" "$b") of_a=$(cost "$load" "$a")
        fi
        echo "$load $of_a $of_b"
    done
done | python3 -c '
import math, statistics, sys
# Student t, 97.5 %, by degrees of freedom; between two of them the larger value.
T = {3: 3.182, 4: 2.776, 5: 2.571, 7: 2.365, 9: 2.262, 14: 2.145, 19: 2.093, 24: 2.064, 29: 2.045, 39: 2.023}
loads = {}
for line in sys.stdin:
    load, *costs = line.split()
    both = zip(*([float(n) for n in cost.split(",")] for cost in costs))
    for which, pair in zip(("", ", outside the kernel"), both):
        loads.setdefault(load + which, []).append(pair)
for load, found in loads.items():
    logs = [math.log(b / a) for a, b in found]
    mean, n = statistics.fmean(logs), len(logs)
    half = T[max(df for df in T if df < n)] * statistics.stdev(logs) / math.sqrt(n)
    percent = lambda x: 100 * (math.exp(x) - 1)
    a, b = (1e6 * statistics.median(side) for side in zip(*found))
    print(f"{load}: A {a:.2f} us, B {b:.2f} us; B/A {percent(mean):+.2f} % "
          f"({percent(mean - half):+.2f} to {percent(mean + half):+.2f}), {n} pairs")
'
