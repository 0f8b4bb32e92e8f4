#!/usr/bin/env bash
# Driver CPU per poll and per WebSocket echo, back to back on one core, beside wrk and gcannon, in
# turn against the same server, which has another core. User and system time of all processes of a
# program, divided by the exchanges that it completed; medians of the runs and of their ratios.
#
# usage: [WRK=wrk] [GCANNON=gcannon] [CLIENTS="64 1000 10000"] driver_vs_others.sh [SECONDS] [RUNS]
# Polls go to nginx, an external server; echoes to `wsbench serve`. What is not installed is
# skipped. Needs a release build, two cores and taskset. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-5} runs=${2:-5} clients=${CLIENTS:-64 1000 10000}
wrk=${WRK:-wrk} gcannon=${GCANNON:-gcannon}
cargo build --release --locked --quiet
wsbench=$PWD/target/release/wsbench
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
TIMEFORMAT='%U %S'
has() { command -v "$1" >/dev/null; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'; }

# Every program prints the exchanges that it completed.
ours() { # KIND URL CLIENTS
    local series='transport = "polling"
interval = "back-to-back"
request_head = "minimal"' feed=
    if [ "$1" = echo ]; then
        series='transport = "websocket"
echo = "back-to-back"' feed='[feed]
workload = "echo"'
    fi
    cat >"$work/ours.toml" <<TOML
name = "driver-vs-others"
clients = [$3]
warmup = "0s"
duration = "${seconds}s"
cooldown = "0s"
driver_lateness = "1s"
$feed
[server]
url = "${2%/*}"
[[series]]
$series
TOML
    "$wsbench" run "$work/ours.toml" --out "$work/out" --reports csv -q >/dev/null 2>"$work/err" ||
        { cat "$work/err" >&2; return 1; }
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "completed") c = i; next }
             { sum += $c } END { print sum }' "$work/out/timeseries.csv"
}
with_wrk() { "$wrk" -t1 -c"$3" -d"${seconds}s" "$2" | awk '/requests in/ { print $1 }'; }
with_gcannon() {
    local kind=()
    [ "$1" = echo ] && kind=(--ws --ws-msg 21-characters-as-here)
    "$gcannon" "$2" -c "$3" -t 1 -d "${seconds}s" --json "${kind[@]}" |
        awk -F'[:,]' '/"responses"/ { print $2 + 0 }'
}

compare() { # KIND URL
    local count run program
    for count in $clients; do
        rm -f "$work"/*.us
        for run in $(seq "$runs"); do
            for program in ours with_wrk with_gcannon; do
                case $1-$program in
                *-ours) ;;
                echo-with_wrk) continue ;;
                *-with_wrk) has "$wrk" || continue ;;
                *) has "$gcannon" || continue ;;
                esac
                { time taskset -c 0 bash -c "$(declare -f "$program")
                    $(declare -p seconds work wsbench wrk gcannon)
                    $program $1 $2 $count" >"$work/done"; } 2>"$work/time" ||
                    { cat "$work/time" >&2; exit 1; }
                awk -v n="$(cat "$work/done")" 'END { print ($1 + $2) * 1e6 / n }' "$work/time" \
                    >>"$work/$program.us"
            done
        done
        for program in ours with_wrk with_gcannon; do
            [ -e "$work/$program.us" ] || continue
            paste "$work/ours.us" "$work/$program.us" | awk '{ print $1 / $2 }' >"$work/ratios"
            printf '%-5s %6s clients  %-12s %6s us  ratio of wsbench to it %s\n' "$1" "$count" \
                "${program#with_}" "$(median "$work/$program.us")" "$(median "$work/ratios")"
        done
    done
}
has "$wrk" || echo "wrk: skipped: not installed"
has "$gcannon" || echo "gcannon: skipped: not installed"

ulimit -n "$(ulimit -Hn)"
if has nginx; then
    cat >"$work/nginx.conf" <<NGINX
worker_processes 1;
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { worker_connections 20000; }
http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    server {
        listen 127.0.0.1:18470 backlog=65535;
        location / { default_type text/plain; return 200 "21-characters-as-here"; }
    }
}
NGINX
    taskset -c 1 nginx -c "$work/nginx.conf" 2>"$work/nginx.out" &
    server=$!
    sleep 1
    compare poll http://127.0.0.1:18470/
    kill "$server"; wait "$server" || true
else
    echo "polls: skipped: nginx is not installed"
fi

cat >"$work/echo.toml" <<TOML
name = "echo"
clients = [1]
[feed]
workload = "echo"
[[series]]
transport = "websocket"
TOML
taskset -c 1 "$wsbench" serve --scenario "$work/echo.toml" --bind 127.0.0.1:0 --threads 1 \
    >"$work/serve" &
server=$!
for _ in $(seq 50); do grep -q listening "$work/serve" && break; sleep 0.1; done
url=$(sed -n 's/^listening on //p' "$work/serve")
[ -n "$url" ] || { echo "wsbench serve does not listen" >&2; exit 1; }
compare echo "$url/ws"
