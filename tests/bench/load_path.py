#!/usr/bin/env python3
"""What the load path costs: the figures of scenarios/polling-vs-ws.toml at its greatest number of
clients, and the share of a driver's CPU above the kernel, back to back.

usage: tests/bench/load_path.py [RUNS]       medians of RUNS runs (default 5) of 2 min 30 s each

Prints each figure beside what is wanted, and every run's. A run that is not valid is said and counted
with the others: its memory and CPU are what they are. The share needs `perf` and two cores, and is
"skipped" without. Needs a release build, which it makes. Load goes to 127.0.0.1 alone.
WSBENCH=PROGRAM measures another build.
"""

import json, os, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is measured, how it is read from a row, and what is wanted.
POLLED = {
    "driver memory a polling client (kB)": (lambda r: r["driver_resident_bytes_per_client"] / 1e3, "<= 1.0"),
    "server memory a polling client (kB)": (lambda r: r["server_resident_bytes_per_client"] / 1e3, "<= 6"),
    "polls a second that are held": (lambda r: r["clients"] / r["held_interval_s"], ">= 65,000"),
    "driver and server CPU a poll (us)": (
        lambda r: r["driver_cpu_us_per_message"] + r["server_cpu_us_per_message"],
        "<= 24",
    ),
}
PUSHED = {
    "driver memory a WebSocket client (kB)": (lambda r: r["driver_resident_bytes_per_client"] / 1e3, "<= 1.0"),
    "server memory a WebSocket client (kB)": (lambda r: r["server_resident_bytes_per_client"] / 1e3, "<= 2.2"),
    "driver CPU a WebSocket message (us)": (lambda r: r["driver_cpu_us_per_message"], "<= 4.3"),
}


def program():
    if "WSBENCH" in os.environ:
        return Path(os.environ["WSBENCH"]).resolve()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target/release/wsbench"


def headline(wsbench, out):
    """Runs the comparison, and returns its figures; absent ones are left out."""
    scenario = ROOT / "scenarios/polling-vs-ws.toml"
    run = [wsbench, "run", "-q", scenario, "--out", out, "--reports", "json"]
    code = subprocess.run(run, stdout=subprocess.DEVNULL).returncode
    if code:
        print(f"  the run ended with exit code {code}: see {out}")
    rows = json.loads((out / "summary.json").read_text())["rows"]
    most = max(row["clients"] for row in rows)
    figures = {}
    for row in (row for row in rows if row["clients"] == most):
        for name, (read, _) in {"polling": POLLED, "websocket": PUSHED}.get(row["transport"], {}).items():
            try:
                figures[name] = read(row)
            except TypeError:
                print(f"  {name}: absent")
    return figures


def above_the_kernel(wsbench, folder):
    """Returns the share of samples of the driver's threads that are not in the kernel, in percent."""
    if not shutil.which("perf") or not shutil.which("taskset") or (os.cpu_count() or 1) < 2:
        return None
    scenario = folder / "polls.toml"
    load = 'clients = [64]\nwarmup = "0s"\nduration = "6s"\ncooldown = "0s"\ndriver_lateness = "1s"\n'
    series = '[[series]]\ntransport = "polling"\ninterval = "back-to-back"\nrequest_head = "chapter"\n'
    scenario.write_text(load + series)
    serve = ["taskset", "-c", "0", wsbench, "serve", "--scenario", scenario, "--bind", "127.0.0.1:0"]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        scenario.write_text(load + series + f'[server]\nurl = "{url}"\n')
        data = folder / "perf.data"
        record = ["perf", "record", "-a", "-C", "1", "-F", "4999", "-e", "cpu-clock", "-o", data]
        run = ["taskset", "-c", "1", wsbench, "run", "-q", scenario, "--out", folder / "polls"]
        done = subprocess.run(record + run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not data.exists():
            print(f"  perf gave no samples (exit code {done.returncode})")
            return None
    finally:
        server.terminate()
        server.wait()
    report = ["perf", "report", "-i", data, "--sort", "comm,dso", "--stdio"]
    text = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    shares = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0].endswith("%") and words[1].startswith("driver-"):
            name = " ".join(words[1:])
            shares[name] = shares.get(name, 0) + float(words[0][:-1])
    whole = sum(shares.values())
    kernel = sum(share for name, share in shares.items() if "kernel" in name)
    return 100 * (whole - kernel) / whole if whole else None


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    wsbench = program()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A copy: a build during the runs does not change what is measured.
        copy = folder / "wsbench"
        shutil.copy(wsbench, copy)
        for n in range(runs):
            began = time.monotonic()
            for figure, value in headline(copy, folder / f"run-{n}").items():
                found.setdefault(figure, []).append(value)
            print(f"run {n + 1} of {runs}: {time.monotonic() - began:.0f} s", flush=True)
        shares = [above_the_kernel(copy, folder) for _ in range(runs)]
    wanted = {name: want for kind in (POLLED, PUSHED) for name, (_, want) in kind.items()}
    print(f"\n{'figure':40} {'median':>9}  {'wanted':>9}  each run")
    for name, want in wanted.items():
        values = found.get(name, [])
        median = f"{statistics.median(values):,.4g}" if values else "absent"
        if values and statistics.median(values) >= 1000:
            median = f"{statistics.median(values):,.0f}"
        print(f"{name:40} {median:>9}  {want:>9}  {' '.join(f'{v:.4g}' for v in values)}")
    known = [share for share in shares if share is not None]
    share = f"{statistics.median(known):.1f} %" if known else "skipped: no perf"
    print(f"{'driver CPU above the kernel, back to back':40} {share:>8}  {'<= 8 %':>9}  "
          + " ".join(f"{share:.1f}" for share in known))


if __name__ == "__main__":
    main()
