#!/usr/bin/env python3
"""The driver's CPU per request over HTTP/2, beside that of h2load (nghttp2), against the same server.

    cargo build --release --locked && tests/bench/h2load.py [--pairs 5] [--rate 10000]

A row for each of two shapes, 100 connections with ten requests under way each and 1,000 with one, and each of three
models: closed, in which the next request follows the answer, as h2load does by itself; open with the clients of wsbench
in step; and open with each request at its own moment. h2load has one open model (--rps). In each pair both
drivers run once, in random order, for ten seconds, against a `wsbench serve` of its own. What h2load took is what the
kernel says of its process; of wsbench it is the column driver_cpu_us_per_message, and that of its process beside it, start
and end included. Needs h2load and a machine that does nothing else. Load goes to 127.0.0.1 alone."""

import argparse
import csv
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10
SCENARIO = """\
name = "h2load"
clients = [{clients}]
warmup = "1s"
duration = "{seconds}s"
cooldown = "200ms"
driver_lateness = "1s"
[server]
url = "http://127.0.0.1:{port}"
paths = {{ polling = "/PollingStock//PollingStock" }}
[[series]]
transport = "polling"
http_version = "2"
streams = {streams}
interval = "{interval}"
phase = "{phase}"
request_head = "minimal"
"""


def cpu_s(command):
    """Runs a command. Returns its CPU time with that of its children, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 96):
        sys.exit(f"{command[0]}: {said}")
    return usage.ru_utime + usage.ru_stime, said


def of_h2load(port, connections, streams, rate):
    pace = [f"--rps={rate / connections:g}"] if rate else []
    took, said = cpu_s(["h2load", "-c", str(connections), "-m", str(streams), "-t", "1", "-D", str(SECONDS), *pace,
                        f"http://127.0.0.1:{port}/PollingStock//PollingStock"])
    done = re.search(r"(\d+) succeeded, (\d+) failed", said)
    if not done or int(done[2]):
        sys.exit(f"h2load: {said}")
    return {"us": took * 1e6 / int(done[1]), "requests": int(done[1])}


def of_wsbench(wsbench, folder, port, connections, streams, rate, phase):
    clients = connections * streams
    scenario = folder / "scenario.toml"
    scenario.write_text(SCENARIO.format(clients=clients, streams=streams, port=port, seconds=SECONDS, phase=phase,
                                        interval=f"{round(clients / rate * 1e6)}us" if rate else "back-to-back"))
    took, said = cpu_s([wsbench, "run", scenario, "--out", folder / "out", "--reports", "csv", "-q"])
    rows = [r for r in csv.DictReader((folder / "out" / "summary.csv").open()) if r["transport"] == "polling"]
    if not rows:
        sys.exit(f"wsbench: {said}")
    done = int(rows[0]["completed"])
    return {"us": float(rows[0]["driver_cpu_us_per_message"]), "requests": done, "process_us": took * 1e6 / done,
            "status": rows[0]["status"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wsbench", type=Path, default=ROOT / "target" / "release" / "wsbench")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rate", type=int, default=10_000)
    options = parser.parse_args()
    if not shutil.which("h2load"):
        sys.exit("there is no h2load: install nghttp2-client")
    shapes = [(100, 10), (1_000, 1)]
    models = [(0, "spread"), (options.rate, "together"), (options.rate, "spread")]
    for rate, phase, (connections, streams) in [(*model, shape) for model in models for shape in shapes]:
        found = {"wsbench": [], "h2load": []}
        for _ in range(options.pairs):
            for name in random.sample(sorted(found), 2):
                with tempfile.TemporaryDirectory(prefix="wsbench-h2load-") as folder:
                    server = subprocess.Popen([options.wsbench, "serve", "--bind", "127.0.0.1:0"],
                                              stdout=subprocess.PIPE, text=True)
                    port = int(re.search(r":(\d+)", server.stdout.readline().split("//")[-1])[1])
                    try:
                        run = (of_h2load(port, connections, streams, rate) if name == "h2load" else
                               of_wsbench(options.wsbench, Path(folder), port, connections, streams, rate, phase))
                    finally:
                        server.kill()
                        server.wait()
                found[name].append(run)
                print(f"  {connections} × {streams} {name}: {run}", flush=True)
        middle = {name: statistics.median(run["us"] for run in runs) for name, runs in found.items()}
        model = f"{rate} a second, {phase}" if rate else "closed"
        print(f"{connections} connections of {streams}, {model}: {middle['wsbench']:.1f} µs a request with wsbench, "
              f"{middle['h2load']:.1f} with h2load ({middle['wsbench'] / middle['h2load']:.2f} times)", flush=True)


if __name__ == "__main__":
    main()
