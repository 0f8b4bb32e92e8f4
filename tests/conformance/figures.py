#!/usr/bin/env python3
"""Makes the figures of summary.csv again from result.jsonl, by docs/result-file.md alone, and compares.

    tests/conformance/figures.py FOLDER…

A folder has both files. A figure that the CSV leaves empty is not shown and not compared. If it has a report.html
too, the rows in it must be those of result.jsonl, or stand for them if there is none. Prints what was compared; ends with 1 if a figure or a row
differs. No package is needed.
"""

import base64
import csv
import json
import lzma
import math
import re
import struct
import sys
import zlib
from pathlib import Path

PARTS = ["payload", "heads", "framing", "envelope", "masks", "tls", "control", "discarded"]
SEGMENT_HEADER = 52
LATENCIES = ["delivery_latency", "response_latency", "service_time", "driver_lag", "probe_lateness",
             "kernel_to_client", "peak_age", "connect_time", "tls_handshake_time", "upgrade_time", "delay_error"]
STATISTICS = {"min": None, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999, "max": None,
              "mean": None}


class Histogram:
    """Values of an HdrHistogram whose least value is 1: counts by index, with `digits` significant digits."""

    def __init__(self, digits=3):
        self.digits = digits
        self.sub = 1 << math.ceil(math.log2(2 * 10 ** digits))
        self.half = self.sub // 2
        self.counts = {}

    @classmethod
    def decode(cls, text):
        """The V2 encoding, plain or compressed, in base64."""
        data = base64.b64decode(text)
        cookie, length = struct.unpack(">iI", data[:8])
        if cookie & ~0xF0 == 0x1C849304:
            data = zlib.decompress(data[8:8 + length])
            cookie, length = struct.unpack(">iI", data[:8])
        assert cookie & ~0xF0 == 0x1C849303, f"cookie {cookie:#x}"
        _, digits, least, _, _ = struct.unpack(">iiqqd", data[8:40])
        assert least == 1
        histogram, index, at, end = cls(digits), 0, 40, 40 + length
        while at < end:
            value = shift = 0
            for n in range(9):
                byte = data[at]
                at += 1
                if n == 8:
                    value |= byte << shift
                    break
                value |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            value = (value >> 1) ^ -(value & 1)
            if value < 0:
                index -= value
            else:
                if value:
                    histogram.counts[index] = value
                index += 1
        return histogram

    def bounds(self, index):
        """The least and the greatest value of a counter."""
        bucket, within = (0, index) if index < self.sub else (
            (index - self.half) // self.half, self.half + (index - self.half) % self.half)
        return within << bucket, ((within + 1) << bucket) - 1

    def index(self, value):
        bucket = max(0, value.bit_length() - self.sub.bit_length() + 1)
        return value if not bucket else self.half + bucket * self.half + (value >> bucket) - self.half

    def middle(self, index):
        low, high = self.bounds(index)
        return low + (high - low + 1) // 2

    def add(self, other):
        for index, count in other.counts.items():
            where = index if other.digits == self.digits else self.index(other.middle(index))
            self.counts[where] = self.counts.get(where, 0) + count

    def record(self, value):
        index = self.index(max(1, value))
        self.counts[index] = self.counts.get(index, 0) + 1

    def __len__(self):
        return sum(self.counts.values())

    def quantile(self, quantile):
        wanted = max(1, math.ceil(quantile * len(self)))
        for index in sorted(self.counts):
            wanted -= self.counts[index]
            if wanted <= 0:
                return self.bounds(index)[1]

    def statistic(self, name):
        if STATISTICS[name] is not None:
            return self.quantile(STATISTICS[name])
        order = sorted(self.counts)
        if name == "min":
            return self.bounds(order[0])[0]
        if name == "max":
            return self.bounds(order[-1])[1]
        return sum(self.middle(i) * n for i, n in self.counts.items()) / len(self)


def add(into, more):
    """Adds counts and tables of counts."""
    for key, value in more.items():
        if isinstance(value, dict):
            add(into.setdefault(key, {}), value)
        elif isinstance(value, int) and not isinstance(value, bool):
            into[key] = into.get(key, 0) + value
    return into


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


class Case:
    def __init__(self):
        self.phases, self.latency, self.coarse = {}, {}, {}
        self.drivers, self.servers, self.ends = [], [], []

    def histograms(self, texts, into):
        for name, text in texts.items():
            found = Histogram.decode(text)
            if name in into and into[name].digits == found.digits:
                into[name].add(found)
            elif name in into:
                into.setdefault(name + "'", Histogram()).add(found)
            else:
                into[name] = found


def read(content):
    header, cases = None, {}
    for line in content.splitlines():
        (kind, body), = json.loads(line).items()
        if kind == "header":
            header = body
            continue
        if kind == "end":
            continue
        case = cases.setdefault(body["case"], Case())
        if kind in ("window", "second"):
            add(case.phases, body["phases"])
            case.histograms(body.get("histograms", {}), case.latency if kind == "window" else case.coarse)
        elif kind == "latency":
            case.histograms(body["histograms"], case.latency)
            case.coarse = {}
        else:
            {"driver": case.drivers, "server": case.servers, "case": case.ends}[kind].append(body)
    for case in cases.values():
        for name, coarse in case.coarse.items():
            whole = case.latency.setdefault(name.rstrip("'"), Histogram())
            for index, count in coarse.counts.items():
                where = whole.index(max(1, coarse.middle(index)))
                whole.counts[where] = whole.counts.get(where, 0) + count
    return header, cases


def layers(flow, tcp, way):
    """Counts at each layer of a flow one way, or of both added up."""
    out = {f"{part}_bytes": flow.get(part, 0) for part in PARTS}
    out["wire_bytes"] = flow.get("wire", 0)
    out["head_chars"] = flow.get("head_chars", 0)
    out["overhead_bytes"] = sum(flow.get(part, 0) for part in PARTS[1:])
    out["frames_bytes"] = out["overhead_bytes"] - out["heads_bytes"]
    ways = ["up", "down"] if way == "both" else [way]
    total = lambda name: sum(tcp.get(f"{name}_{one}", 0) for one in ways)
    out["tcp_segments"], out["tcp_data_segments"] = total("segments"), total("data_segments")
    out["tcp_bare_segments"] = max(0, out["tcp_segments"] - out["tcp_data_segments"])
    out["ip_bytes"] = total("ip_bytes")
    out["ip_header_bytes"] = out["ip_bytes"] - out["wire_bytes"]
    return out


def flow(ledger, way):
    if way != "both":
        return ledger.get(way, {})
    return add(add({}, ledger.get("up", {})), ledger.get("down", {}))


def exchange(one):
    ledger = one["ledger"]
    tcp = {}
    for way in ("up", "down"):
        tcp[f"segments_{way}"] = one.get(f"segments_{way}", 0)
        tcp[f"ip_bytes_{way}"] = ledger.get(way, {}).get("wire", 0) + SEGMENT_HEADER * tcp[f"segments_{way}"]
    return layers(flow(ledger, "both"), tcp, "both")


def law_at_most(law, ns):
    """The share of values of a predicted distribution that are at most so many ns."""
    share = 0.0
    for weight, piece in law["parts"]:
        (kind, of), = piece.items()
        low, high = (of["at_ns"],) * 2 if kind == "constant" else (of["from_ns"], of["to_ns"])
        if ns >= high:
            share += weight
        elif ns >= low:
            share += weight * ((ns - low) / (high - low) if kind == "uniform" else
                               math.expm1(-of["rate"] * (ns - low)) / math.expm1(-of["rate"] * (high - low)))
    return share


def law_distance(law, histogram, late_ns):
    """By how much measured values are outside the band between a prediction and the same one later."""
    before, worst, all_of_them = 0.0, 0.0, len(histogram)
    for index in sorted(histogram.counts):
        low, high = histogram.bounds(index)
        after = before + histogram.counts[index] / all_of_them
        worst = max(worst, after - law_at_most(law, high), law_at_most(law, low - late_ns - 1) - before)
        before = after
    return worst


def law_moments(law):
    """Mean and greatest value of a predicted distribution, in ns."""
    mean, worst = 0.0, 0.0
    for share, piece in law["parts"]:
        (kind, of), = piece.items()
        if kind == "constant":
            own, end = of["at_ns"], of["at_ns"]
        elif kind == "uniform":
            own, end = (of["from_ns"] + of["to_ns"]) / 2, of["to_ns"]
        else:
            rate, length = of["rate"], of["to_ns"] - of["from_ns"]
            turned = rate * length
            own = of["from_ns"] + (1 / rate - length * math.exp(-turned) / -math.expm1(-turned)
                                   if abs(turned) > 1e-9 else length / 2)
            end = of["to_ns"]
        mean, worst = mean + share * own, max(worst, end)
    return mean, worst


class Row:
    """Everything of the cases of a series at one client count."""

    def __init__(self, infos, cases, floor, plan):
        self.info, self.floor = infos[0], floor
        # Two resolutions of timers, and 1 ms.
        self.late_ns = 2 * (plan.get("timing") or {}).get("resolution_ns", 0) + 1e6
        found = [cases[info["case"]] for info in infos if info["case"] in cases]
        self.phases, self.latency = {}, {}
        for case in found:
            add(self.phases, case.phases)
            for name, histogram in case.latency.items():
                self.latency.setdefault(name, Histogram()).add(histogram)
        self.drivers = [end for case in found for end in case.drivers]
        self.servers = [end for case in found for end in case.servers]
        self.ends = [end for case in found for end in case.ends]
        self.found = found
        self.repeats = sum(max(1, len(case.ends)) for case in found)

    def figures(self):
        """Every figure that the documents give a formula for, by its column."""
        info, out = self.info, {}
        steady = self.phases.get("steady", {})
        counts, ledger = steady.get("counts", {}), steady.get("ledger", {})
        every = {}
        for phase in self.phases.values():
            add(every, phase.get("counts", {}))
        out["clients"], out["repeats"] = info["clients"], self.repeats
        self.pace(out)
        out["clients_connected"] = sum(end.get("connected", 0) for end in self.drivers)
        for name in ("turns", "completed", "messages", "repeated", "superseded", "lost", "turns_waited", "sent"):
            out[name] = counts.get(name, 0)
        for name, count in (("messages_ignored", "ignored"), ("messages_replayed", "replayed"),
                            ("reconnects", "reconnects"), ("faults", "faults"),
                            ("negative_latencies", "negative_latencies")):
            out[name] = every.get(count, 0)
        for name in ("turns_not_started", "turns_blocked"):
            out[name] = sum(end.get(name, 0) for end in self.drivers)
        for name in ("updates_published", "updates_delivered", "updates_superseded", "updates_missing",
                     "updates_duplicated", "updates_reordered", "reconnect_gaps", "empty_polls",
                     "empty_poll_bytes"):
            out[name] = counts.get(name, 0)
        completed, messages, window = counts.get("completed", 0), counts.get("messages", 0), out.get("window_s", 0)
        tcp = {}
        for end in self.drivers:
            add(tcp, end.get("tcp", {}).get("steady", {}))
        for way, suffix in (("both", ""), ("up", "_up"), ("down", "_down")):
            for layer, value in layers(flow(ledger, way), tcp, way).items():
                for per, by in (("message", completed), ("delivered", messages), ("s", window)):
                    if by:
                        out[f"{layer}{suffix}_per_{per}"] = value / by
                if window and "stretch_factor" in out:
                    out[f"{layer}{suffix}_per_s_scaled"] = value / window * out["stretch_factor"]
        wire = flow(ledger, "both").get("wire", 0)
        if wire:
            out["empty_poll_share"] = counts.get("empty_poll_bytes", 0) / wire
        down = ledger.get("down", {}).get("payload", 0)
        out["message_bytes_down"] = down - counts.get("coded_bytes", 0) + counts.get("decoded_bytes", 0)
        out["payload_bytes"] = info["payload_bytes"] if info["bundled_server"] or not info.get("network", True) \
            else down / completed if completed else None
        if counts.get("age_time_us"):
            out["age_of_information_us_mean"] = counts.get("age_area_us_ms", 0) * 1000 / counts["age_time_us"]
        self.chapter(out)
        for name in LATENCIES:
            out[f"{name}_count"] = 0
        for name, histogram in self.latency.items():
            if len(histogram):
                out[f"{name}_count"] = len(histogram)
                for statistic in STATISTICS:
                    out[f"{name}_us_{statistic}"] = histogram.statistic(statistic) / 1e3
        self.predicted(out, completed)
        self.cost(out, completed)
        self.fanout(out, counts)
        return out

    def pace(self, out):
        planned = self.info["interval_ns"]
        window = sum(end.get("duration_ns", 0) for end in self.ends)
        if window:
            out["window_s"] = window / 1e9
        if not planned:
            return
        out["planned_interval_s"] = planned / 1e9
        seconds = turns = 0.0
        for end in self.ends:
            if end["interval_ns"]:
                length = max(1, end["steady_until_s"] - end["steady_from_s"])
                seconds, turns = seconds + length, turns + length * 1e9 / end["interval_ns"]
        if turns:
            out["held_interval_s"] = seconds / turns
            out["stretch_factor"] = out["held_interval_s"] / out["planned_interval_s"]

    def chapter(self, out):
        stretched = any(end["interval_ns"] > self.info["interval_ns"] > 0 for end in self.ends)
        planned = out.get("overhead_bytes_per_s_scaled" if stretched else "overhead_bytes_per_s")
        for name, value in (("chapter_overhead", self.chapter_bytes()), ("overhead", planned)):
            end = "_planned" if name == "overhead" else ""
            if value is not None:
                if not end:
                    out[f"{name}_bytes_per_s"] = value
                out[f"{name}_mebibits_per_s{end}"] = value * 8 / 2 ** 20
                out[f"{name}_megabits_per_s{end}"] = value * 8 / 1e6

    def chapter_bytes(self):
        a_message = {"polling": 871, "websocket": 2}.get(self.info["transport"])
        return None if a_message is None else a_message * self.info["clients"]

    def predicted(self, out, completed):
        model = self.info.get("model")
        if not model or not model["messages"]:
            return
        stretched = out.get("stretch_factor", 1) > 1
        window = sum(end.get("duration_ns", 0) for end in self.ends) / 1e9
        hz = completed / (window * max(1, self.info["clients"])) if window else 0
        hz = hz if hz > 0 and math.isfinite(hz) else model.get("messages_hz")
        sums = {}
        for one in model["messages"]:
            for layer, value in exchange(one["exchange"]).items():
                sums[layer] = sums.get(layer, 0) + one["share"] * value
        besides = {}
        for other, rate in ((model.get("idle"), lambda o: 1e9 / o["interval_ns"]),
                            (model.get("sending"), lambda o: o["rate_hz"])):
            if other:
                for layer, value in exchange(other["exchange"]).items():
                    besides[layer] = besides.get(layer, 0) + value * rate(other)
        for layer in sums:
            if hz:
                sums[layer] += besides.get(layer, 0) / hz
        predicted = {f"{layer}_per_message": value for layer, value in sums.items()}
        predicted["updates_per_message"] = sum(one["share"] * one["updates"] for one in model["messages"])
        if completed:
            out["measured updates_per_message"] = (out["messages"] + out["repeated"]) / completed
        if not stretched:
            if model.get("delivery"):
                came = self.latency.get("delivery_latency")
                if came:
                    distance = law_distance(model["delivery"], came, self.late_ns)
                    out["delivery_latency_distribution_distance"] = distance
                mean, worst = law_moments(model["delivery"])
                predicted["delivery_latency_us_mean"], predicted["delivery_latency_us_worst"] = mean / 1e3, worst / 1e3
            if model.get("response"):
                predicted["response_latency_us_mean"] = law_moments(model["response"])[0] / 1e3
            if model.get("age_mean_ns") is not None:
                predicted["age_us_mean"] = model["age_mean_ns"] / 1e3
        measured_as = {"delivery_latency_us_worst": "delivery_latency_us_max",
                       "age_us_mean": "age_of_information_us_mean",
                       "updates_per_message": "measured updates_per_message"}
        for name, value in predicted.items():
            out[f"predicted_{name}"] = value
            measured = out.get(measured_as.get(name, name))
            if measured is not None:
                out[f"difference_{name}"] = measured - value
                if value:
                    out[f"relative_difference_{name}"] = (measured - value) / value

    def cost(self, out, completed):
        asked = self.info["clients"] * self.repeats
        for side, ends in (("driver", self.drivers), ("server", self.servers)):
            costs = [end["cost"] for end in ends]
            if completed and costs:
                out[f"{side}_cpu_us_per_message"] = sum(cost["cpu_ns"] for cost in costs) / 1e3 / completed
            rise = sum(cost["resident_during"] - cost["resident_before"] for cost in costs)
            if asked and costs:
                out[f"{side}_resident_bytes_per_client"] = rise / asked
        memory = [end["kernel_memory"] for end in self.ends if end.get("kernel_memory") is not None]
        if memory and self.info["clients"]:
            out["kernel_bytes_per_client"] = sum(memory) / len(memory) / self.info["clients"]
        walls = [end["connect_wall_ns"] / 1e9 for end in self.ends if end["connect_wall_ns"]]
        if walls:
            out["connect_wall_s"] = sum(walls) / len(walls)
            out["connects_per_s"] = self.info["clients"] / out["connect_wall_s"]
        self.growth(out, completed)
        self.further_client(out)
        self.activity(out, completed)
        if self.floor:
            turns = self.floor.phases.get("steady", {}).get("counts", {}).get("turns", 0)
            cpu = sum(end["cost"]["cpu_ns"] for end in self.floor.drivers)
            if turns:
                out["floor_cpu_us_per_turn"] = cpu / 1e3 / turns
            lag = self.floor.latency.get("driver_lag")
            if lag:
                out["floor_driver_lag_us_p99"] = lag.quantile(0.99) / 1e3
        for name in ("connections", "unaudited", "refused", "mismatched"):
            out[f"audit_{name}"] = sum(end["audit"][name] for end in self.drivers)
        out["audit_kernel_bytes"] = sum(end["audit"]["unexplained_bytes"] for end in self.drivers)
        unexplained = up = down = 0
        for phase in self.phases.values():
            for way in ("up", "down"):
                own = phase.get("ledger", {}).get(way, {})
                unexplained += abs(own.get("wire", 0) - sum(own.get(part, 0) for part in PARTS))
            up += phase.get("ledger", {}).get("up", {}).get("wire", 0)
            down += phase.get("ledger", {}).get("down", {}).get("wire", 0)
        out["audit_ledger_bytes"] = unexplained
        out["audit_server_bytes"] = abs(up - sum(end["received"] for end in self.servers)) \
            + abs(down - sum(end["sent"] for end in self.servers))

    def growth(self, out, completed):
        grown = 0.0
        for end in self.ends:
            all_of_it = end.get("server_memory", [])
            used = all_of_it[::max(1, -(-len(all_of_it) // 100))]
            slopes = [(b["resident"] - a["resident"]) / (b["at_ns"] - a["at_ns"])
                      for n, a in enumerate(used) for b in used[n + 1:] if b["at_ns"] > a["at_ns"]]
            if len(used) < 5 or not slopes:
                return
            grown += median(slopes) * end["duration_ns"]
        if completed and self.ends:
            out["server_resident_growth_bytes_per_message"] = grown / completed

    def further_client(self, out):
        slopes = []
        for end in self.ends:
            points = [(r["clients"], r["resident"]) for r in end.get("ramp_memory", [])]
            if len(points) < 6:
                return
            x, y = (sum(p[n] for p in points) / len(points) for n in (0, 1))
            spread = sum((p[0] - x) ** 2 for p in points)
            if not spread:
                return
            slopes.append(sum((p[0] - x) * (p[1] - y) for p in points) / spread)
        if slopes:
            out["server_resident_bytes_per_further_client"] = sum(slopes) / len(slopes)

    def activity(self, out, completed):
        if not completed or not self.servers:
            return
        known = {}
        for name in ("cpu_ns", "instructions", "context_switches", "io_calls", "page_faults"):
            values = [end["cost"].get("activity", {}).get(name, {}).get("known") for end in self.servers]
            if all(value is not None for value in values):
                known[name] = [sum(v) for v in zip(*values)] if isinstance(values[0], list) else sum(values)
        cpu_us = sum(end["cost"]["cpu_ns"] for end in self.servers) / 1e3
        if sum(known.get("cpu_ns", [0])):
            user, system = known["cpu_ns"]
            out["server_user_us_per_message"] = cpu_us * user / (user + system) / completed
            out["server_system_us_per_message"] = cpu_us * system / (user + system) / completed
        if "instructions" in known:
            out["server_instructions_per_message"] = known["instructions"] / completed
        if "context_switches" in known:
            waited, preempted = known["context_switches"]
            out["server_context_switches_per_message"] = (waited + preempted) / completed
            out["server_preemptions_per_message"] = preempted / completed
        if "io_calls" in known:
            out["server_read_calls_per_message"] = known["io_calls"][0] / completed
            out["server_write_calls_per_message"] = known["io_calls"][1] / completed
        if "page_faults" in known:
            out["server_page_faults_per_message"] = sum(known["page_faults"]) / completed

    def fanout(self, out, counts):
        out["fanout_posts"] = 0
        if self.info.get("workload") not in ("broadcast", "tracker"):
            return
        posts = []
        for case in self.found:
            together = {}
            for one in (post for end in case.drivers for post in end.get("fanout", [])):
                own = together.setdefault(one["sequence"], [0, None, 0])
                own[0] += one["receivers"]
                own[1] = one["first_ns"] if own[1] is None else min(own[1], one["first_ns"])
                own[2] = max(own[2], one["last_ns"])
            posts += together.values()
        out["fanout_posts"] = len(posts)
        if not posts:
            return
        for name, of in (("first", lambda p: p[1]), ("last", lambda p: p[2]), ("spread", lambda p: max(0, p[2] - p[1]))):
            histogram = Histogram()
            for post in posts:
                histogram.record(of(post))
            for statistic in ("p50", "p99"):
                out[f"fanout_{name}_us_{statistic}"] = histogram.statistic(statistic) / 1e3
        clients, sent = max(1, self.info["clients"]), counts.get("sent", 0)
        incomplete = counts.get("updates_delivered", 0) < sent * clients and len(posts) < sent
        out["fanout_completeness_min"] = 0 if incomplete else min(post[0] for post in posts) / clients
        if sent:
            out["fanout_completeness_mean"] = counts.get("updates_delivered", 0) / (sent * clients)


def rows(header, cases):
    """A row for each series and client count, and for each floor, by what they are called in the CSV."""
    plan = header["plan"] if isinstance(header["plan"], dict) else {}
    groups = {}
    for info in header["cases"]:
        groups.setdefault((info["series"], info["clients"], info["floor"]), []).append(info)
    floors = {key: Row(infos, cases, None, plan) for key, infos in groups.items() if key[2]}
    out = {}
    for key, infos in groups.items():
        if key[2]:
            out[key[:2] + (True,)] = floors[key]
            continue
        same = [floor for other, floor in floors.items() if other[1] == key[1]]
        beside = [f for f in same if f.info["interval_ns"] == infos[0]["interval_ns"]] or same
        out[key] = Row(infos, cases, beside[0] if beside else None, plan)
    return out


# Derived by rules that are about whether a figure says anything, not what it is.
NOT_FIGURES = {"series", "transport", "status", "paced", "stretched", "prediction_exact", "absent"}


def rows_of_page(page):
    """The rows that a page carries, one result after the other."""
    for text in re.findall(r'<script type="application/x-xz"[^>]*>([^<]*)</script>', page):
        packed, rows, at = lzma.decompress(base64.b64decode(text)), [], 0
        while (mark := packed.find(b"\0", at)) >= 0:
            end = mark + 1 + 40 + int.from_bytes(packed[mark + 5:mark + 9], "big")
            rows += [packed[at:mark], base64.b64encode(packed[mark + 1:end])]
            at = end
        yield b"".join(rows) + packed[at:]


def compare(folder):
    """Returns how many figures are the same, those that differ, and the columns that have no formula here."""
    same, differ, unknown = 0, [], set()
    file, page = folder / "result.jsonl", folder / "report.html"
    content = file.read_bytes() if file.exists() else None
    if page.exists():
        carried = list(rows_of_page(page.read_text()))
        if content is None:
            [content] = carried
        elif carried != [content]:
            differ.append(f"{page}: its rows are not those of result.jsonl")
    header, cases = read(content)
    again = rows(header, cases)
    with (folder / "summary.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            key = (line["series"].lstrip("'"), int(line["clients"]))
            row = again.get(key + (False,)) or again.get(key + (True,))
            made = row.figures()
            for name, shown in line.items():
                if name in NOT_FIGURES or name.endswith("driver_bound") or shown == "":
                    continue
                if made.get(name) is None:
                    unknown.add(name)
                    continue
                if abs(float(shown) - made[name]) <= 1e-6 + 1e-9 * abs(made[name]):
                    same += 1
                else:
                    differ.append(f"{folder}: {key[0]} at {key[1]}: {name}: shows {shown}, the rows give {made[name]}")
    return same, differ, unknown


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 2
    same, differ, unknown = 0, [], set()
    for folder in sys.argv[1:]:
        found = compare(Path(folder))
        same, differ, unknown = same + found[0], differ + found[1], unknown | found[2]
    for line in differ[:50]:
        print(line)
    print(f"{len(sys.argv) - 1} results: {same} figures are the same, {len(differ)} differ; no formula here: "
          + (", ".join(sorted(unknown)) or "none"))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
