#!/usr/bin/env python3
"""How often, and how soon, `wsbench compare` decides, and how often it is wrong.

    cargo build --release --locked && tests/bench/gate_trials.py FILE [ROW…] [--show] [--minutes 60]

Each trial is a comparison of `wsbench serve` with itself, or with itself and a fault. Every trial that ended
is a line of FILE (JSON Lines); called again, the series go on where they stopped. A row ends as soon as its
outcome is certain. Prints what stands, and ends with 1 if a row that is complete misses what it is to
reach, with 2 if a trial could not be run. Needs a machine that does nothing else: a row without a fault takes up
to five minutes a trial. Load goes to 127.0.0.1 alone.

ROWS
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from noise import start_compiler

CPU = "server_cpu_us_per_message"
P50, P99 = "delivery_latency_us_p50", "delivery_latency_us_p99"
MEMORY = "server_resident_bytes_per_client"
GROWTH = "server_resident_growth_bytes_per_message"

ONE = """\
name = "one"
clients = [200]
warmup = "500ms"
duration = "3s"
cooldown = "200ms"
[feed]
rate = "20/s"
[[series]]
transport = "websocket"
"""
SHORT = """\
name = "short"
clients = [40]
warmup = "100ms"
duration = "300ms"
cooldown = "50ms"
[feed]
rate = "20/s"
[[series]]
transport = "websocket"
"""


# With fewer pairs no figure of seven can fail at 1 in 100 (`smallest_anytime_p`).
LEAST_PAIRS = 11


POLLS = """\
name = "polls"
clients = [50]
warmup = "500ms"
duration = "1s"
cooldown = "200ms"
[feed]
rate = "20/s"
[[series]]
transport = "polling"
interval = "50ms"
"""


@dataclass
class Trials:
    """A row of the table: a comparison, how often it runs, and what it is to reach."""
    what: str
    tries: int
    judge: object            # (trials, tries) -> (text, True, False or None if more trials decide)
    scenario: str = ONE
    fault: str = None        # NAME=SIZE, or `cpu=10%` of what a push costs
    options: tuple = ("--time", "5min")
    beside_a_compiler: int = 0   # every so many trials


def decided(trial, metric, decision):
    return decision in trial["decisions"].get(metric, [])


def fails(metrics, least=None, most=None):
    """At least, or at the most, so many trials in which one of the metrics fails."""
    def judge(trials, tries):
        hits = sum(any(decided(t, m, "fail") for m in metrics) for t in trials)
        left = tries - len(trials)
        text = f"FAIL in {hits} of {len(trials)}"
        if hits:
            seconds = [t["seconds"] for t in trials if any(decided(t, m, "fail") for m in metrics)]
            text += f", after {statistics.median(seconds):.0f} s (median; {max(seconds):.0f} s at most)"
        if least is not None:
            return f"{text}; at least {least} of {tries}", True if hits >= least else \
                False if hits + left < least else None
        return f"{text}; at most {most} of {tries}", False if hits > most else \
            True if hits + left <= most else None
    return judge


def no_alarm(trials, tries):
    alarms = [t for t in trials if t["exit"] == 98]
    able = sum(t["could_fail"] for t in trials)
    text = f"{len(alarms)} of {len(trials)} failed ({able} had pairs enough to); 0 of {tries}"
    return text, False if alarms else True if len(trials) >= tries else None


def passes(shares):
    """Each metric passes in at least its share of the trials; what is open names what it could have seen."""
    def judge(trials, tries):
        parts, good = [], True
        for metric, share in shares.items():
            found = [(d, s) for t in trials
                     for d, s in zip(t["decisions"].get(metric, []), t["detectable"].get(metric, []))]
            passed = sum(d == "pass" for d, _ in found)
            seen = [s for d, s in found if d == "inconclusive" and s is not None]
            parts.append(f"{metric} PASS {passed} of {len(found)}" +
                         (f" (open: {min(seen):.1%} to {max(seen):.1%} detectable)" if seen else ""))
            good &= bool(found) and passed >= share * len(found)
        seconds = [t["seconds"] for t in trials]
        if seconds:
            parts.append(f"{statistics.median(seconds):.0f} s (median; {max(seconds):.0f} s at most)")
        return "; ".join(parts), good if len(trials) >= tries else None
    return judge


def soon(metrics, limit):
    def judge(trials, tries):
        seconds = [t["seconds"] if any(decided(t, m, "fail") for m in metrics) else float("inf")
                   for t in trials]
        if not seconds:
            return f"no try yet; at most {limit} s", None
        middle = statistics.median(seconds)
        text = f"decided after {middle:.0f} s (median of {len(seconds)}); at most {limit} s"
        early = sum(s <= limit for s in seconds)
        late = len(seconds) - early
        return text, True if early > tries / 2 else False if late > tries / 2 else None
    return judge


CPU_FIGURES = (CPU, "server_instructions_per_message")
FAST = ("--time", "5min", "--fail-fast")
PASSES = passes({CPU: .9, P99: .9, MEMORY: .9, P50: .5})
ROWS = {
    "header": Trials("`header=1B`", 1,
                     fails(["heads_bytes_down_per_connection", "heads_bytes_down_per_message"], least=1),
                     scenario=POLLS, fault="header=1B"),
    "drop": Trials("`drop=0.1%`", 1, fails(["nothing_missing"], least=1), fault="drop=0.1%"),
    "cpu-20": Trials("20 % more CPU a push", 20, soon(CPU_FIGURES, 90), fault="cpu=20%", options=FAST),
    "cpu-10": Trials("10 % more CPU a push, twice what is allowed", 20, fails(CPU_FIGURES, least=16),
                     fault="cpu=10%", options=FAST),
    "leak": Trials("`leak=64B`", 20, fails([GROWTH], least=16), fault="leak=64B", options=FAST),
    "delay": Trials("`delay=50us`", 20, fails([P50, "delivery_latency_shift_factor"], least=16),
                    fault="delay=50us", options=FAST),
    "same": Trials("a server with itself, one transport", 20, PASSES),
    "polls": Trials("a polled server with itself, none fails", 20, no_alarm, scenario=POLLS),
    "same-ci": Trials("a server with itself, all of `ci.toml`", 3, PASSES, scenario="ci.toml",
                      options=("--time", "20min")),
    "cpu-half": Trials("2.5 % more CPU a push, half of what is allowed", 20, fails(CPU_FIGURES, most=1),
                       fault="cpu=2.5%"),
    "short": Trials("a server with itself, in 30 s, every fourth beside a compiler", 200, no_alarm,
                    scenario=SHORT, options=("--time", "29s"), beside_a_compiler=4),
}


class Impossible(Exception):
    """A trial that cannot be run."""


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.program = folder / "wsbench"
        # A copy: a build meanwhile does not change what is measured.
        self.program.write_bytes(options.wsbench.read_bytes())
        self.program.chmod(0o755)
        # What the lines of the file were measured with.
        called = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        self.build = f"{called.stdout.strip()}, {commit.stdout.strip() or 'no commit'}"
        self.records = []
        if options.file.exists():
            self.records = [json.loads(line) for line in options.file.read_text().splitlines()]

    def add(self, record):
        self.records.append(record)
        with self.options.file.open("a") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def of(self, name):
        return [r for r in self.records if r["row"] == name]

    def scenario(self, text):
        if text == "ci.toml":
            return ROOT / "scenarios" / "ci.toml"
        path = self.folder / (re.search('name = "(.*)"', text)[1] + ".toml")
        path.write_text(text)
        return path

    def serve(self, scenario, fault):
        return (f"{self.program} serve --scenario {scenario} --bind 127.0.0.1:{{port}}"
                + (f" --fault {fault}" if fault else "") + " @ http://127.0.0.1:{port}")

    def change_by_5us(self):
        """By how much 5 µs more a push change the server's CPU a push: the estimate of 40 pairs, and of 20 of them if
        those decide. Runs one after the other would not do: they differ from each other by more than the fault
        makes. Nor would ten pairs, by which two measurements of one size said +19 % and +17 %."""
        scenario = self.scenario(ONE)
        call = [self.program, "compare", scenario, "--quiet", "--format", "json", "--pairs", "20",
                "--out", self.folder / "size", "--a", self.serve(scenario, None),
                "--b", self.serve(scenario, "cpu=5us")]
        done = subprocess.run(call, capture_output=True, text=True)
        subprocess.run(["rm", "-rf", self.folder / "size"], check=True)
        found = [finding.get("effect") or {} for finding in json.loads(done.stdout or "{}").get("findings", [])
                 if finding["subject"]["metric"] == CPU]
        if not found or not found[0].get("estimate"):
            raise Impossible(f"the size of a fault cannot be measured: {done.stderr.strip()}")
        return found[0]["estimate"]

    def fault(self, text):
        """The fault as `serve` takes it; a share of a push is measured first, once a file."""
        share = re.fullmatch(r"cpu=([0-9.]+)%", text or "")
        if not share:
            return text
        known = self.of("size")
        if not known:
            self.add({"row": "size", "change_by_5us": self.change_by_5us(), "build": self.build})
            known = self.of("size")
        ns = float(share[1]) / 100 / known[0]["change_by_5us"] * 5000
        return f"cpu={round(ns)}ns"

    def trial(self, name, row):
        n = len(self.of(name)) + 1
        busy = bool(row.beside_a_compiler) and n % row.beside_a_compiler == 0
        scenario, fault = self.scenario(row.scenario), self.fault(row.fault)
        out = self.folder / "pairs"
        call = [self.program, "compare", scenario, "--quiet", "--format", "json", "--seed", str(n),
                "--out", out, "--a", self.serve(scenario, None), "--b", self.serve(scenario, fault),
                *row.options]
        compiler = start_compiler(self.folder) if busy else None
        began = time.monotonic()
        try:
            done = subprocess.run(call, capture_output=True, text=True)
        finally:
            if compiler:
                os.killpg(compiler.pid, signal.SIGKILL)
        seconds = time.monotonic() - began
        subprocess.run(["rm", "-rf", out], check=True)
        if done.returncode not in (0, 96, 98):
            raise Impossible(f"{name}: exit code {done.returncode}: {done.stderr.strip()}")
        judgement = json.loads(done.stdout)
        record = {"row": name, "n": n, "build": self.build, "fault": fault, "beside_a_compiler": busy,
                  "seconds": round(seconds, 1), "exit": done.returncode, "pairs": 0,
                  "decisions": {}, "detectable": {}, "estimates": {}, "bad": [], "could_fail": False}
        for finding in judgement["findings"]:
            metric, effect = finding["subject"]["metric"], finding.get("effect") or {}
            if finding["decision"] == "pass" and not effect:
                continue
            record["decisions"].setdefault(metric, []).append(finding["decision"])
            record["detectable"].setdefault(metric, []).append(effect.get("detectable"))
            record["estimates"].setdefault(metric, []).append(effect.get("estimate"))
            record["pairs"] = max(record["pairs"], effect.get("pairs", 0))
            if finding["decision"] == "fail":
                record["bad"].append(finding["text"])
        record["could_fail"] = record["pairs"] >= LEAST_PAIRS
        self.add(record)
        decisions = ", ".join(f"{m} {'/'.join(d)}" for m, d in sorted(record["decisions"].items()))
        print(f"{name} {n}: exit {done.returncode}, {record['pairs']} pairs, {seconds:.0f} s: {decisions}",
              flush=True)


def show(bench, names):
    """A line for each row; whether none of them misses what it is to reach."""
    for size in bench.of("size"):
        print(f"cpu=5us changes the server's CPU a push by {size['change_by_5us']:+.1%}")
    good = True
    for name in names:
        row = ROWS[name]
        text, verdict = row.judge(bench.of(name), row.tries)
        word = {True: "reached", False: "MISSED", None: "open"}[verdict]
        print(f"{name:9} {word:7}  {row.what}: {text}")
        good &= verdict is not False
    return good


def main():
    rows = "\n".join(f"    {name:9} {row.tries:3} × {row.what}" for name, row in ROWS.items())
    parser = argparse.ArgumentParser(description=__doc__.replace("ROWS\n", rows),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: all")
    parser.add_argument("--wsbench", type=Path, default=ROOT / "target" / "release" / "wsbench")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--minutes", type=float, help="begin no trial after so many")
    options = parser.parse_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    names = options.rows or list(ROWS)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wsbench-trials-") as folder:
        bench = Bench(options, Path(folder))
        try:
            for name in [] if options.show else names:
                row = ROWS[name]
                while row.judge(bench.of(name), row.tries)[1] is None:
                    if options.minutes and time.monotonic() - began > 60 * options.minutes:
                        break
                    bench.trial(name, row)
        except Impossible as why:
            print(why, file=sys.stderr)
            return 2
        finally:
            good = show(bench, names)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
