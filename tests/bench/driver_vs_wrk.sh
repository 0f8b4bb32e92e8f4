#!/usr/bin/env bash
# Driver CPU per poll compared with wrk's: 1,000 keep-alive clients poll back to back, with the
# chapter's heads, against one `wsbench serve`. Divides each program's user and system time, over
# all its processes, by the polls that it completed; in turn, five times; medians and the ratio.
#
# usage: tests/bench/driver_vs_wrk.sh [SECONDS] [RUNS]
# Needs wrk (a system package) and a release build. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-8} runs=${2:-5} clients=1000
command -v wrk >/dev/null || { echo "wrk is not installed" >&2; exit 1; }
cargo build --release --quiet
wsbench=target/release/wsbench
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

"$wsbench" serve --bind 127.0.0.1:0 >"$work/serve" &
server=$!
for _ in $(seq 50); do grep -q listening "$work/serve" && break; sleep 0.1; done
url=$(sed -n 's/^listening on //p' "$work/serve")
head=src/protocol/http1/heads/chapter-request.http
path=$(sed -n '1s/^GET \([^ ]*\) .*/\1/p' "$head")
headers=()
while IFS= read -r line; do
    line=${line%$'\r'}
    [ -n "$line" ] && headers+=(-H "$line")
done < <(tail -n +2 "$head")

cat >"$work/polls.toml" <<TOML
name = "driver-vs-wrk"
clients = [$clients]
warmup = "0s"
duration = "${seconds}s"
cooldown = "0s"
# Polls back to back keep every core busy by intent: the driver is late.
driver_lateness = "1s"
[server]
url = "$url"
[[series]]
transport = "polling"
interval = "back-to-back"
# As wrk sends it: for a server reached by its URL the default is another.
request_head = "chapter"
TOML

TIMEFORMAT='%U %S'
cpu_per_poll() { # TIMES POLLS
    awk -v polls="$2" '{ printf "%.3f", ($1 + $2) * 1e6 / polls }' "$1"
}
for run in $(seq "$runs"); do
    { time "$wsbench" run "$work/polls.toml" --out "$work/out" --reports csv -q \
        >/dev/null 2>"$work/err"; } 2>"$work/time" || { cat "$work/err" >&2; exit 1; }
    # Every poll of the run, with the first ones of the set-up.
    polls=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "completed") c = i; next }
                     { sum += $c } END { print sum }' "$work/out/timeseries.csv")
    ours=$(cpu_per_poll "$work/time" "$polls")
    { time wrk -t2 -c"$clients" -d"${seconds}s" "${headers[@]}" "$url$path" >"$work/wrk"; } \
        2>"$work/time"
    theirs_polls=$(awk '/requests in/ { print $1 }' "$work/wrk")
    theirs=$(cpu_per_poll "$work/time" "$theirs_polls")
    grep -q "Non-2xx\|Socket errors" "$work/wrk" && cat "$work/wrk" >&2
    ratio=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.3f", a / b }')
    echo "run $run: wsbench $ours µs a poll ($polls polls), wrk $theirs µs ($theirs_polls), ratio $ratio"
    echo "$ours" >>"$work/ours"; echo "$theirs" >>"$work/theirs"; echo "$ratio" >>"$work/ratios"
done
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
echo "median: wsbench $(median "$work/ours") µs, wrk $(median "$work/theirs") µs a poll, ratio $(median "$work/ratios")"
