"""Runs wsbench against a server in all its ways, and compares each figure with a second count."""

import collections
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from .capture import Capture
from .client import Client

# Medians may differ by this much.
TOLERANCE_MS = 1.0
# As the scenarios are run.
WARMUP_NS = 500_000_000
# Checks that fail if the machine has other work.
BUSY_MACHINE = {"driver_on_schedule", "feed_held"}
# What came so shortly before a client ended may be in its kernel's buffer, unread: it is counted as
# discarded then.
UNREAD_NS = 5_000_000
# Of each way, beside wsbench's own.
CLIENTS = 2
# How the reason of an absent latency begins that lies below what the times in messages are exact to.
TOO_SHORT = "too short to be known"


@dataclass
class Row:
    """One line of the matrix. A text for each column; `faults` says what is wrong."""

    server: str
    way: str
    valid: str = ""
    bytes: str = ""
    payload: str = ""
    latency: str = ""
    loss: str = ""
    faults: list = field(default_factory=list)
    skipped: str = ""


def measure(server, tmp, options):
    """The rows of one running server."""
    ways = [w for w in server.ways if not w.skip]
    rows = {w.label: Row(server.title, w.label, skipped=w.skip) for w in server.ways}
    if ways:
        run = _run(server, ways, tmp / "as-told", options)
        for way in ways:
            _judge(rows[way.label], way, run, options)
        dropping = [w for w in ways if w.dropped]
        if dropping:
            if server.drops_by_restart():
                server.stop()
                server.start(tmp, drop=10)
            lossy = _run(server, dropping, tmp / "dropping", options, dropping=True)
            for way in dropping:
                _judge_loss(rows[way.label], way, lossy)
    for way in ways:
        if not way.dropped:
            rows[way.label].loss = "not asked: a poll gets the latest"
    ended = server.ended()
    for way in ways if ended else []:
        rows[way.label].faults.append(ended)
    return list(rows.values())


@dataclass
class Run:
    """What one run of wsbench says, and what the capture and the other clients saw."""

    server: object
    out: object
    rows: dict
    wire: dict
    payload: dict
    # What a protocol above WebSocket puts around the payload.
    envelope: dict
    # Bytes that came and were not counted as messages.
    discarded: dict
    messages: dict
    # Polls that brought nothing new; and bytes of compressed messages: what they say, and as sent.
    counts: dict
    # By way: connections of the capture, of wsbench's clients alone. None without a capture.
    captured: object
    # The same in plain text with the moment at which the client ended, if there is TLS and the capture
    # sees both sides of what decrypts it.
    plain: object
    no_capture: str
    others: dict
    monotonic_to_real_ns: int
    output: str

    def readable(self):
        """Whether the capture can be taken apart."""
        return self.captured is not None and (self.plain is not None or not self.server.secure)

    def streams(self, way):
        """What each connection of a way carried, read from the capture."""
        if not self.server.secure:
            return [c.read(way.transport) for c in self.captured[way.label]]
        return [c.read(way.transport, until_ns) for c, until_ns in self.plain[way.label]]


def _run(server, ways, tmp, options, dropping=False):
    tmp.mkdir(parents=True)
    (tmp / "scenario.toml").write_text(_with_series(server.scenario(), [w.label for w in ways]))
    paths = {w.label: w.dropped if dropping else w.path for w in ways}
    capture = Capture(tmp / "lo.pcap", [server.port, *server.plain_ports])
    no_capture = options.no_capture or capture.start()
    clients = []
    if not dropping:
        address = "127.0.0.1", server.port
        clients = [Client(w, address, server.secure) for w in ways for _ in range(CLIENTS)]
    offset = time.time_ns() - time.monotonic_ns()
    for client in clients:
        client.start()
    out = tmp / "out"
    command = [str(options.wsbench), "run", str(tmp / "scenario.toml"), "--out", str(out),
               "--reports", "csv,json,text"]
    # docs/servers/README.md lists what is set here.
    settings = {"duration": f"{options.seconds}s", "warmup": "500ms", "cooldown": "300ms", "drain": "3s",
                "driver_lateness": "1s"}
    if options.clients:
        settings["clients"] = f"[{options.clients}]"
    for way in ways:
        if paths[way.label] != way.path:
            settings[f"server.paths.{way.label}"] = paths[way.label]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=180,
                              env={**os.environ, "NO_COLOR": "1"})
    finally:
        for client in clients:
            client.stop()
        for client in clients:
            client.join(timeout=5)
        seen = {} if no_capture else capture.stop()
    (tmp / "output.txt").write_text(done.stdout)
    others = {}
    for client in clients:
        others.setdefault(client.way.label, []).append(client)
    own = {c.local for c in clients}
    run = Run(server, out, {}, {}, {}, {}, {}, {}, {}, None, None, no_capture, others, offset, done.stdout)
    if (out / "summary.json").exists():
        summary = json.loads((out / "summary.json").read_text())
        run.rows = {r["series"]: r for r in summary["rows"]}
        _read_totals(run)
    if not no_capture:
        connections = [c for c in seen[server.port] if c.client not in own and c.up.sent]
        run.captured = _by_order(run, connections) if server.secure else _by_path(paths, connections)
        if server.plain_ports:
            behind = [c for port in server.plain_ports for c in seen[port]]
            run.plain = _by_client(run.captured, behind)
    if not options.keep:
        shutil.rmtree(tmp / "lo.pcap", ignore_errors=True)
    return run


def _with_series(scenario, labels):
    """A scenario with some of its series alone."""
    head, *series = scenario.split("[[series]]")
    kept = []
    for one in series:
        names = dict(re.findall(r'^(label|transport) = "(.*)"', one, re.M))
        # A dialect is one above WebSocket.
        if names.get("label", names.get("transport", "websocket")) in labels:
            kept.append(one)
    # A path of a series that is not there would be an error.
    start, table, paths = head.partition("[server.paths]\n")
    kept_path = lambda line: line.partition(" = ")[0] in labels or ' = "/' not in line
    head = start + table + "".join(filter(kept_path, paths.splitlines(keepends=True)))
    return "[[series]]".join([head, *kept])


def _by_path(paths, connections):
    """The connections of each way: by the path of their first request."""
    found = {label: [] for label in paths}
    for connection in connections:
        for label, path in paths.items():
            if connection.path() == path:
                found[label].append(connection)
    return found


def _by_order(run, connections):
    """The connections of each way if they are encrypted: one series runs after the other."""
    left = sorted(connections, key=lambda c: c.began_ns)
    found = {}
    for label, row in run.rows.items():
        count = row["audit_connections"] or 0
        found[label], left = left[:count], left[count:]
    return found


def _by_client(captured, behind):
    """The connections behind a TLS proxy by the way of the client that they are for.

    A client that has sent its end reads no more: what the proxy gets then is not the client's. The kernel gives
    a port again once its connection is over: a request is that of the last one that had begun before it.
    """
    ways = {}
    for label, found in captured.items():
        for c in found:
            ways.setdefault(c.client, []).append((c.began_ns, label, c.up.ended_ns))
    plain = {label: [] for label in captured}
    for connection in behind:
        began = [way for way in ways.get(connection.behind(), []) if way[0] <= connection.began_ns]
        if began:
            _, label, ended_ns = max(began)
            plain[label].append((connection, ended_ns))
    return plain


def _read_totals(run):
    """Totals of all phases, from the files that a user reads."""
    with (run.out / "bytes.csv").open() as file:
        for row in csv.DictReader(file):
            if row["layer"] == "wire_bytes" and row["direction"] != "both":
                key = (row["series"], row["direction"])
                run.wire[key] = run.wire.get(key, 0) + int(row["total"])
            if row["direction"] == "down":
                for layer, totals in (("payload", run.payload), ("envelope", run.envelope),
                                      ("discarded", run.discarded)):
                    if row["layer"] == f"{layer}_bytes":
                        totals[row["series"]] = totals.get(row["series"], 0) + int(row["total"])
    with (run.out / "timeseries.csv").open() as file:
        for row in csv.DictReader(file):
            run.messages[row["series"]] = run.messages.get(row["series"], 0) + int(row["messages"])
    _read_counts(run)


def _read_counts(run):
    """Totals of all phases that no report has: reports have those of the measured window."""
    lines = [json.loads(line) for line in (run.out / "result.jsonl").read_text().splitlines()]
    plan = lines[0]["header"]["plan"]
    for second in (line["second"] for line in lines if "second" in line):
        case = plan["cases"][second["case"]]
        if case.get("floor"):
            continue
        totals = run.counts.setdefault(plan["series"][case["series"]]["label"], {})
        for phase in second["phases"].values():
            for name, count in phase["counts"].items():
                totals[name] = totals.get(name, 0) + count


def _failed(row):
    return [c["name"] for c in row["checks"] if c.get("outcome") in ("failed", "not-made")]


def _judge(row, way, run, options):
    result = run.rows.get(way.label)
    if result is None:
        row.valid = "no result"
        last = [line for line in run.output.strip().splitlines() if line][:3]
        row.faults.append("wsbench wrote no row: " + " ".join(last))
        return
    row.valid = result["status"]
    failed = _failed(result)
    if options.loaded and result["status"] == "invalid" and set(failed) <= BUSY_MACHINE:
        row.valid += " (busy machine)"
    elif result["status"] != "valid":
        row.faults.append(f"{result['status']}: {', '.join(failed)}")
    _judge_bytes(row, way, run)
    _judge_second_client(row, way, run)
    _judge_latency(row, way, run, result, options)


def _judge_bytes(row, way, run):
    if run.captured is None:
        row.bytes = row.payload = f"skipped: {run.no_capture}"
        return
    connections = run.captured[way.label]
    for direction in ("up", "down"):
        told = run.wire[way.label, direction]
        seen = sum(c.up.sent if direction == "up" else c.down.received() for c in connections)
        row.bytes += ("" if not row.bytes else ", ") + f"{direction} {told:,}"
        if told != seen:
            row.bytes += f" ({seen - told:+,})"
            row.faults.append(f"bytes {direction}: wsbench {told}, capture {seen}")
    if not run.readable():
        row.payload = "not readable in a capture"
        return
    streams = run.streams(way)
    for fault in {s.fault for s in streams if s.fault}:
        row.faults.append(f"the capture cannot be read: {fault}")
    envelope = run.envelope.get(way.label, 0)
    told = run.payload[way.label] + envelope, run.messages[way.label]
    messages = [m for s in streams for m in s.messages]
    if way.first:
        # Answers of the set-up are no updates.
        messages = [m for m in messages if run.server.stamp.read(m.text, 0)]
    unread = [m for s in streams for m in s.messages if s.ended_ns and m.at_ns > s.ended_ns - UNREAD_NS]
    if unread and told[1] < len(messages):
        unread = unread[-(len(messages) - told[1]):]
        if run.discarded.get(way.label, 0) >= sum(len(m.text) for m in unread):
            messages = [m for m in messages if not any(m is other for other in unread)]
    sent = sum(len(m.text) for m in messages if not m.compressed) + sum(s.compressed_bytes for s in streams)
    seen = sent, len(messages)
    exact = way.accept_encoding or way.conditional
    row.payload = f"{run.payload[way.label]:,}{f' and envelope {envelope:,}' if envelope else ''} in {told[1]:,}"
    if told[0] != seen[0] or exact and told[1] != seen[1]:
        row.payload += f" (capture {seen[0]:,} in {seen[1]:,})"
        row.faults.append(f"payload: wsbench {told[0]} in {told[1]}, capture {seen[0]} in {seen[1]} messages")
    if way.accept_encoding:
        _judge_compressed(row, way, run, messages)
    if way.conditional:
        _judge_unchanged(row, way, run, streams)


def _judge_compressed(row, way, run, messages):
    """What compressed messages say, beside what zlib makes of the capture."""
    counts = run.counts[way.label]
    told = run.payload[way.label] - counts.get("coded_bytes", 0) + counts.get("decoded_bytes", 0)
    seen = sum(len(m.text) for m in messages)
    row.payload += f", decompressed {told:,}"
    if told != seen:
        row.payload += f" (capture {seen:,})"
        row.faults.append(f"decompressed: wsbench {told}, capture {seen}")
    if not all(m.compressed for m in messages):
        row.faults.append("messages came that were not compressed")


def _judge_unchanged(row, way, run, streams):
    """Polls that were answered with 304: they bring nothing new and keep their connection."""
    told = run.counts[way.label].get("empty_polls", 0)
    seen = sum(s.statuses.get(304, 0) for s in streams)
    row.payload += f", {told:,} times 304"
    if told != seen or not seen:
        row.payload += f" (capture {seen:,})"
        row.faults.append(f"answers of 304: wsbench {told} empty polls, capture {seen}")
    clients = run.rows[way.label]["clients"]
    if len(streams) != clients:
        row.faults.append(f"{clients} clients had {len(streams)} connections")


def _judge_second_client(row, way, run):
    """Whether the second client got what it asked for."""
    for client in run.others.get(way.label, []):
        messages = client.stream.messages
        if way.accept_encoding and not (messages and all(m.compressed for m in messages)):
            row.faults.append("the second client got no messages, or some that were not compressed")
        if way.conditional and 304 not in client.stream.statuses:
            row.faults.append("the second client got no 304")


def _latencies(run, messages):
    """Number and latency in ms of the messages that have a stamp and were not seen before."""
    newest, found = None, []
    for message in messages:
        stamp = run.server.stamp.read(message.text, run.monotonic_to_real_ns)
        if stamp and (newest is None or stamp[0] > newest):
            newest = stamp[0]
            found.append((message.at_ns, (message.at_ns - stamp[1]) / 1e6))
    return found


def _judge_latency(row, way, run, result, options):
    told_us = result["delivery_latency_us_p50"]
    why = result["absent"].get("delivery_latency_us_p50", "no reason")
    # Half of what the times in messages are exact to, in ms, if the median lies below it.
    half = run.server.stamp.unit_ns / 2e6 if why.startswith(TOO_SHORT) else 0
    if told_us is None and not half:
        row.latency = f"absent: {why}"
        row.faults.append("no delivery latency")
        return
    told = half if told_us is None else told_us / 1000
    row.latency = f"< {2 * half:.0f} ms" if told_us is None else f"{told:.2f} ms"
    # A driver that was later than the tolerance cannot be held to it, and says so itself.
    late_ms = (result["probe_lateness_us_p99"] or 0) / 1000
    if options.loaded:
        late_ms = float("inf")
    if way.transport == "polling":
        _compare(row, "capture", _trace_differences(way, run), late_ms)
        return
    begin = time.time_ns()
    if run.readable():
        begin = min(c.began_ns for c in run.captured[way.label]) + WARMUP_NS
        seen = []
        for stream in run.streams(way):
            values = _latencies(run, stream.messages)
            seen += [ms for at, ms in values if begin <= at < begin + options.seconds * 10**9]
        _compare(row, "capture", [ms - told for ms in seen], late_ms, half)
    second = []
    for client in run.others.get(way.label, []):
        if client.fault:
            row.faults.append(f"the second client: {client.fault}")
        values = _latencies(run, client.stream.messages)[1:]
        inside = [ms for at, ms in values if begin <= at < begin + options.seconds * 10**9]
        second += inside or [ms for _, ms in values]
    _compare(row, "second client", [ms - told for ms in second], late_ms, half)


def _trace_differences(way, run):
    """By how much the capture differs from each delivery in trace.csv, in ms.

    The ages of polled updates are spread over the feed's whole interval: medians of other updates than
    the same ones say nothing.
    """
    if not run.readable():
        return []
    updates = {}
    for stream in run.streams(way):
        for message in stream.messages:
            stamp = run.server.stamp.read(message.text, run.monotonic_to_real_ns)
            if stamp:
                updates.setdefault(stamp[0], []).append((stamp[1], message.at_ns))
    with (run.out / "trace.csv").open() as file:
        events = [(int(e["sequence"]), float(e["published_us"]) * 1000, float(e["latency_us"]) * 1000)
                  for e in csv.DictReader(file)
                  if e["series"] == way.label and e["event"] == "update" and e["sequence"]]
    return differences(events, updates)


# By how much the clock may be set meanwhile, in ns: less than what lies between updates of two clients.
SET_NS = 100_000


def differences(events, updates):
    """By how much the arrivals of updates differ from events of (number, published, latency), in ms.

    `updates` are (published, arrived) by number. A number may be that of several clients' updates, each
    published at a moment of its own: an event is the one that was published when it says. Its moments begin
    with the run; what lies between them and those of `updates` is what most of them have in common.
    """
    def apart(number, published_ns):
        return [(published - published_ns, at - published) for published, at in updates.get(number, [])]

    votes = collections.Counter(round(start / SET_NS) for number, published_ns, _ in events
                                for start in {start for start, _ in apart(number, published_ns)})
    if not votes:
        return []
    start_ns = votes.most_common(1)[0][0] * SET_NS
    found = []
    for number, published_ns, latency_ns in events:
        ages = [age for start, age in apart(number, published_ns) if abs(start - start_ns) <= 1.5 * SET_NS]
        if ages:
            found.append(min((age - latency_ns for age in ages), key=abs) / 1e6)
    return found


def _compare(row, name, differences, late_ms, half=0):
    """Adds the median of differences to wsbench's latency; too large a one is a fault.

    With `half` the latency is known to lie below twice that, and the difference is one to that value.
    """
    if not differences:
        if name == "capture":
            row.latency += ", no capture"
        else:
            row.faults.append(f"{name}: no message with a stamp")
        return
    median = statistics.median(differences)
    row.latency += f", {name} {median + half:.2f} ms" if half else f", {name} {median:+.2f}"
    if abs(median) <= half + TOLERANCE_MS:
        return
    if late_ms == float("inf"):
        row.latency += " (not judged)"
    elif late_ms > TOLERANCE_MS:
        row.latency += f" (the driver was up to {late_ms:.1f} ms late)"
    else:
        row.faults.append(f"median latency: {name} {median:+.2f} ms from wsbench's")


def _judge_loss(row, way, run):
    result = run.rows.get(way.label)
    if result is None:
        row.loss = "no result"
        row.faults.append("dropping: wsbench wrote no row")
        return
    missing, delivered = result["updates_missing"], result["updates_delivered"]
    if not missing:
        row.loss = f"not found ({result['status']})"
        row.faults.append("the server left out a tenth and wsbench found no loss")
        return
    share = missing / (missing + delivered)
    row.loss = f"found: {share:.1%}"
    if "nothing_missing" not in _failed(result):
        row.faults.append("updates are missing and the check `nothing_missing` did not fail")
    if not run.readable():
        return
    told = seen = 0
    for stream in run.streams(way):
        numbers = []
        for message in stream.messages:
            stamp = run.server.stamp.read(message.text, 0)
            if stamp:
                numbers.append(stamp[0])
        if numbers:
            told += numbers[-1] - numbers[0] + 1
            seen += len(set(numbers))
    captured = 1 - seen / told if told else 0
    row.loss += f", capture {captured:.1%}"
    if abs(captured - share) > 0.04:
        row.faults.append(f"loss: wsbench {share:.1%}, capture {captured:.1%}")
