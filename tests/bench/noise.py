#!/usr/bin/env python3
"""How much each arrangement of a comparison varies when a server is compared with itself.

    cargo build --release --locked && tests/bench/noise.py [--minutes 4] [--beside-a-compiler]

Prints, for CPU, p50, p99 and memory, the standard deviation of ln(B/A) of one unit, and what is left of
it after a minute of units: what decides how soon a change is seen. The arrangements are

    in turn    a run of A and a run of B, each with a new server and all clients
    windows    both servers alive, windows of a second each in the order ABBA or BAAB by a coin, all clients;
               four such blocks for each pair of new servers, so that a second line can tell which share of
               the variance new processes bring (layout, allocator), and which the moments
    together   both servers at the same time, each with half of the clients

each on shared cores, and with the driver on half of the cores and the servers on the others, with the
`wsbench serve` of one build on both sides, 200 WebSocket clients and 20 messages a second each. Load goes
to 127.0.0.1 alone.
"""

import argparse
import csv
import json
import math
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Blocks of each pair of processes.
BLOCKS = 4
ROOT = Path(__file__).resolve().parents[2]
METRICS = {
    "CPU": "server_cpu_us_per_message",
    "p50": "delivery_latency_us_p50",
    "p99": "delivery_latency_us_p99",
    "memory": "server_resident_bytes_per_client",
}
SCENARIO = """\
name = "noise"
clients = [200]
warmup = "{warmup}"
duration = "{duration}"
cooldown = "100ms"
driver_lateness = "1s"
[feed]
rate = "20/s"
[[series]]
transport = "websocket"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wsbench", type=Path, default=ROOT / "target" / "release" / "wsbench")
    parser.add_argument("--minutes", type=float, default=4, help="for each arrangement")
    parser.add_argument("--beside-a-compiler", action="store_true")
    parser.add_argument("--only", choices=list(ARRANGEMENTS), help="one arrangement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsbench-noise-") as tmp:
        tmp = Path(tmp)
        compiler = start_compiler(tmp) if options.beside_a_compiler else None
        try:
            print(f"{'arrangement':21} {'units':>5} {'s a unit':>8}" +
                  "".join(f" {name:>8} {'1 min':>7}" for name in METRICS), flush=True)
            for name, run in ARRANGEMENTS.items():
                if options.only not in (None, name):
                    continue
                for shared in (True, False):
                    label = name + ("" if shared else ", own cores")
                    units, seconds = run(options, tmp / label.replace(" ", "-"), shared)
                    show(label, units, seconds)
        finally:
            if compiler:
                os.killpg(compiler.pid, signal.SIGKILL)


def show(name, units, seconds):
    """A line: standard deviations of a unit and of a minute of units."""
    each = seconds / len(units)
    line = f"{name:21} {len(units):5} {each:8.1f}"
    for metric in METRICS.values():
        values = [u[metric] for u in units if metric in u]
        if len(values) < 3:
            line += f" {'-':>8} {'-':>7}"
            continue
        deviation = statistics.stdev(values)
        line += f" {deviation:8.1%} {deviation * math.sqrt(each / 60):7.1%}"
    print(line, flush=True)
    if name.startswith("windows"):
        print(f"{'  of new processes':21} {'':14}" + "".join(
            f" {share_of_processes(units, metric):>8} {'':>7}" for metric in METRICS.values()), flush=True)


def share_of_processes(units, metric):
    """The share of a block's variance that differs from pair of processes to pair of processes (one-way analysis
    of variance with random effects), or `-` if blocks of one pair differ as much as those of others."""
    groups = [[u[metric] for u in units[i:i + BLOCKS] if metric in u] for i in range(0, len(units), BLOCKS)]
    groups = [g for g in groups if len(g) == BLOCKS]
    if len(groups) < 3:
        return "-"
    within = statistics.fmean(statistics.variance(g) for g in groups)
    between = statistics.variance(statistics.fmean(g) for g in groups) - within / BLOCKS
    return f"{between / (between + within):.0%}" if between > 0 else "-"


def start_compiler(tmp):
    """rustc in a loop, as if the machine built something."""
    source = "\n".join(
        f"pub fn f{i}(x: &[u64]) -> Vec<String> {{ x.iter().map(|v| format!(\"{{}}\", v * {i})).collect() }}"
        for i in range(600))
    (tmp / "busy.rs").write_text(source)
    loop = f"while :; do rustc -O --crate-type lib -o {tmp}/busy.rlib {tmp}/busy.rs || exit; done"
    return subprocess.Popen(["sh", "-c", loop], start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def in_turn(options, tmp, shared):
    return compare(options, tmp, ["--sequential"], shared, 11)


def together(options, tmp, shared):
    return compare(options, tmp, [], shared, 5.8)


def compare(options, tmp, how, shared, usual):
    """The runs of `wsbench compare`, and the time that they took."""
    tmp.mkdir()
    (tmp / "scenario.toml").write_text(SCENARIO.format(warmup="1s", duration="3s"))
    pairs = max(8, round(options.minutes * 60 / usual))
    target = f"{options.wsbench} serve --bind 127.0.0.1:{{port}} @ http://127.0.0.1:{{port}}"
    words = [options.wsbench, "compare", tmp / "scenario.toml", "--a", target, "--b", target,
             "--pairs", str(pairs), "--most-pairs", str(pairs), "--only-noisy", "--out", tmp / "out", "-q"]
    how = [*how, *(["--share-cores"] if shared else [])]
    began = time.monotonic()
    done = subprocess.run([*map(str, words), *how], capture_output=True, text=True)
    seconds = time.monotonic() - began
    units = []
    for file in sorted((tmp / "out").glob("pair-*-a.jsonl")):
        sides = [figures(options, Path(str(file)[:-7] + side + ".jsonl"), tmp) for side in "ab"]
        units.append(log_ratios([sides[0]], [sides[1]]))
    if not units:
        sys.exit(f"no pair was recorded:\n{done.stdout}{done.stderr}")
    return units, seconds


def windows(options, tmp, shared):
    """Blocks of ABBA, four for each pair of new servers."""
    tmp.mkdir()
    (tmp / "scenario.toml").write_text(SCENARIO.format(warmup="100ms", duration="1s"))
    units, began = [], time.monotonic()
    while time.monotonic() - began < options.minutes * 60:
        servers = [serve(options, shared) for _ in "ab"]
        try:
            for _ in range(BLOCKS):
                found = [[], []]
                for side in random.choice([(0, 1, 1, 0), (1, 0, 0, 1)]):
                    process, port = servers[side]
                    found[side].append(window(options, tmp, process.pid, port, shared))
                units.append(log_ratios(*found))
        finally:
            for process, _ in servers:
                process.kill()
                process.wait()
    return units, time.monotonic() - began


def on_cores(shared, half):
    """The words before a command that keep it on the first or the second half of the cores."""
    cores = sorted(os.sched_getaffinity(0))
    of_half = cores[: len(cores) // 2] if half == 0 else cores[len(cores) // 2 :]
    return [] if shared else ["taskset", "-c", ",".join(map(str, of_half))]


def serve(options, shared):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [options.wsbench, "serve", "--bind", f"127.0.0.1:{port}", "--rate", "20/s"]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen([*on_cores(shared, 1), *words], stdin=nothing, stdout=nothing, stderr=nothing)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    sys.exit("wsbench serve does not listen")


def window(options, tmp, pid, port, shared):
    out = tmp / "out"
    words = [options.wsbench, "run", tmp / "scenario.toml", "--out", out, "-q", "--reports", "csv",
             "--set", f"server.url=http://127.0.0.1:{port}", "--set", f"server.pid={pid}"]
    done = subprocess.run([*on_cores(shared, 0), *words], capture_output=True, text=True)
    row = websocket_row(out) if out.exists() else None
    if not row:
        sys.exit(f"a window was not recorded:\n{done.stdout}{done.stderr}")
    return row


def figures(options, file, tmp):
    out = tmp / "report"
    subprocess.run([options.wsbench, "report", file, "--out", out, "--reports", "csv"], capture_output=True)
    return websocket_row(out)


def websocket_row(folder):
    """The row of the clients: that of the driver's floor has no figures of a server."""
    rows = csv.DictReader((folder / "summary.csv").open())
    return next((row for row in rows if row["transport"] == "websocket"), None)


def log_ratios(a, b):
    """ln(B/A) of each metric: the mean logarithm of B's rows over A's."""
    found = {}
    for metric in METRICS.values():
        try:
            logs = [statistics.mean(math.log(float(row[metric])) for row in rows) for rows in (a, b)]
        except ValueError:
            continue
        found[metric] = logs[1] - logs[0]
    return found


ARRANGEMENTS = {"in turn": in_turn, "windows": windows, "together": together}

if __name__ == "__main__":
    main()
