#!/usr/bin/env bash
# The coordinator's memory and the result file of a long run: 10,000 polling clients on four worker
# processes. Prints both every minute, and fails if the coordinator takes more than 40 MB, grows after
# the first minute, or writes more than 3 KB a second.
#
# usage: tests/bench/long_run.sh [SECONDS]
# Needs a release build; takes ten minutes and some. Load goes to 127.0.0.1 alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ -n "${WSBENCH:-}" ] || cargo build --release --quiet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A copy: a build during the run does not change what is measured.
cp "${WSBENCH:-target/release/wsbench}" "$work/wsbench"
cat >"$work/long.toml" <<TOML
clients = [10_000]
duration = "${seconds}s"
[[series]]
transport = "polling"
interval = "1s"
TOML

# So few files to a process that the clients need four.
ulimit -Sn 3300 && ulimit -Hn 3300
"$work/wsbench" run "$work/long.toml" --out "$work/out" --reports text,csv,json --quiet \
    >"$work/screen" 2>"$work/errors" &
run=$!
python3 - "$run" "$work/out/result.jsonl" "$seconds" <<'PY'
import os, sys, time
run, file, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])

def resident_mb():
    for line in open(f"/proc/{run}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return None  # It has ended, and is not waited for yet.

def rows(kind):
    return [line for line in open(file) if line.startswith('{"%s":{"case":1' % kind)]

began, seen, last = time.time(), [], 0
while True:
    time.sleep(1)
    try:
        now = resident_mb()
    except FileNotFoundError:
        now = None
    if now is None:
        break
    at = time.time() - began
    seen.append((at, now))
    if at - last >= 60:
        last = at
        print(f"{at:5.0f} s: {now:5.1f} MB, result file {os.path.getsize(file) / 1e3:6.0f} kB", flush=True)
size = sum(map(len, rows("second") + rows("latency"))) / len(rows("second"))
# While it measures: the reports at its end are another matter.
during = [mb for at, mb in seen if at < seconds]
early = max(mb for at, mb in seen if at < max(60, seconds / 4))
print(f"coordinator: at most {max(during):.1f} MB while it measured, {early:.1f} MB of them in the "
      f"beginning; {max(mb for _, mb in seen):.1f} MB with its reports; {size:.0f} bytes a second in the file")
sys.exit(max(during) > 40 or max(during) > early + 3 or size > 3000)
PY
code=0
wait "$run" || code=$?
cat "$work/errors"
tail -n 3 "$work/screen"
echo "exit code of the run: $code"
