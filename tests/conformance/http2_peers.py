"""Peers of HTTP/2 that are not ours, each with a count of bytes that is not ours either.

Servers (Node.js, nginx, nghttpd) stand behind a relay that cuts what passes into frames. Over TLS the relay is a capture
of the bundled server that tshark reads with the keys of the run. `nghttp` is a client of `wsbench serve`, and prints the
bytes of each answer's header block, which `wsbench plan` has foretold."""

import asyncio
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from http2 import CONTINUATION, DATA, HEADERS, PADDED, PRIORITY, SCENARIO, TIMES, Counter
from ledger import ledger

PAYLOAD = b"a payload of 21 bytes"
EVENTS = ("sse", "streaming", "websocket")

NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; keepalive_requests 100000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} http2; root {folder}; }}
}}
"""


def a_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listening(port):
    for _ in range(100):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        subprocess.run(["sleep", "0.05"], check=True)
    raise SystemExit(f"nothing listens on port {port}")


def begin(command, **settings):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **settings)


def node(folder):
    one = begin(["node", str(Path(__file__).with_name("http2_node.mjs"))])
    return one, int(one.stdout.readline())


def nginx(folder):
    port = a_port()
    settings = Path(folder, "nginx.conf")
    settings.write_text(NGINX.format(folder=folder, port=port))
    return begin([which("nginx"), "-c", str(settings), "-e", f"{folder}/early.log"]), port


def nghttpd(folder):
    port = a_port()
    return begin([which("nghttpd"), "--no-tls", "-a", "127.0.0.1", "-d", folder, str(port)]), port


def which(program):
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Relay:
    """Between clients and a server; counts both directions by part."""

    def __init__(self, port):
        self.port = port
        self.up, self.down, self.connections = collections.Counter(), collections.Counter(), 0

    async def serve(self, reader, writer):
        there, to_there = await asyncio.open_connection("127.0.0.1", self.port)
        up, down = (Counter(collections.Counter(), preface) for preface in (True, False))

        async def pump(source, target, counter):
            try:
                while data := await source.read(65536):
                    counter.feed(data)
                    target.write(data)
            except ConnectionError:
                pass
            try:
                target.write_eof()
            except OSError:
                pass

        await asyncio.gather(pump(reader, to_there, up), pump(there, writer, down))
        to_there.close()
        writer.close()
        # A connection that asks nothing is the look whether the server is there.
        if up.parts:
            self.connections += 1
            self.up.update(up.parts)
            self.down.update(down.parts)


def differences(name, transport, found, counted):
    """How the ledger of a run differs from a count, a line each."""
    lines = []
    for direction, parts in counted.items():
        ours = found[direction]
        # Event streams and WebSocket have framing of their own within their payload.
        together = ("framing", "payload", "mask") + (() if transport != "websocket" else ("control",))
        groups = [("heads",), together] if transport in EVENTS else [("heads",), ("framing",), ("payload",)]
        groups += [] if transport == "websocket" else [("control",)]
        groups += [("tls",)] if "tls" in parts else []
        for group in groups:
            here, there = (sum(one[part] for part in group) for one in (ours, parts))
            # What came after a client had given its stream up.
            here += ours["discarded"] if "payload" in group else 0
            if here != there:
                lines.append(f"{name}: {direction} {'+'.join(group)}: {here} here, {there} there")
        if ours["wire"] != sum(parts.values()):
            lines.append(f"{name}: {direction} wire: {ours['wire']} here, {sum(parts.values())} there")
        if not parts["heads"]:
            lines.append(f"{name}: {direction}: no heads were seen")
        print(f"{name}: {direction}: " + ", ".join(f"{part} {n}" for part, n in sorted(parts.items())))
    return lines


async def run(wsbench, folder, scenario, **settings):
    path = Path(folder, "scenario.toml")
    path.write_text(scenario)
    one = await asyncio.create_subprocess_exec(
        wsbench, "run", path, "--out", f"{folder}/out", "--reports", "csv", "-q",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)
    said, _ = await one.communicate()
    # 96: a loaded machine. The bytes are counted all the same.
    if one.returncode not in (0, 96):
        return f"exit code {one.returncode}\n{said.decode()}"
    return ledger(Path(folder, "out", "result.jsonl"))


async def behind_a_relay(wsbench, server, transport, more):
    name = f"{server.__name__} {transport} {more!r}"
    with tempfile.TemporaryDirectory() as folder:
        # Some servers say the time and a tag of the file; no byte of it is ours to know.
        Path(folder, "polling").write_bytes(PAYLOAD)
        process, port = server(folder)
        try:
            listening(port)
            relay = Relay(port)
            listener = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
            here = listener.sockets[0].getsockname()[1]
            scenario = SCENARIO.format(port=here, transport=transport, more=more, size=21)
            if transport == "websocket":
                scenario = scenario.replace('request_head = "chapter"', "")
            found = await run(wsbench, folder, scenario)
            await asyncio.sleep(0.2)
            listener.close()
        finally:
            process.kill()
            process.wait()
    if isinstance(found, str):
        return [f"{name}: {found}"]
    return differences(name, transport, found, {"up": relay.up, "down": relay.down})


def serve(wsbench, folder, scenario, *more):
    path = Path(folder, "serve.toml")
    path.write_text(scenario)
    one = begin([wsbench, "serve", "--scenario", str(path), "--bind", "127.0.0.1:0", *more])
    address = re.search(r"listening on (\S+)", one.stdout.readline()).group(1)
    return one, int(address.rsplit(":", 1)[1])


FEED = TIMES + """\
{server}
[[series]]
transport = "{transport}"
http_version = "2"
{more}
"""


def fields(line):
    """The rows of tshark's fields: a list for each frame of each packet."""
    port, length, *lists = line.rstrip("\n").split("\t")
    lists = [one.split(",") if one else [] for one in lists]
    return int(port), int(length), lists


def decoded(capture, keys, port):
    """The bytes by part that a capture holds, as tshark reads it with the keys."""
    read = subprocess.run(
        # What TCP sends again belongs to its packets, and not to the socket.
        ["tshark", "-r", capture, "-o", f"tls.keylog_file:{keys}", "-d", f"tcp.port=={port},tls", "-T", "fields",
         "-Y", "not tcp.analysis.retransmission and not tcp.analysis.spurious_retransmission",
         "-e", "tcp.dstport", "-e", "tcp.len", "-e", "http2.magic", "-e", "http2.length", "-e", "http2.type",
         "-e", "http2.flags", "-E", "occurrence=a", "-E", "aggregator=,"],
        capture_output=True, text=True, check=True).stdout
    counted = {"up": collections.Counter(), "down": collections.Counter()}
    wire = collections.Counter()
    for line in read.splitlines():
        to, length, (magic, lengths, kinds, flags) = fields(line)
        direction = "up" if to == port else "down"
        wire[direction] += length
        parts = counted[direction]
        parts["control"] += 24 * len(magic)
        for size, kind, flag in zip(map(int, lengths), map(int, kinds), (int(flag, 0) for flag in flags), strict=True):
            if kind not in (DATA, HEADERS, CONTINUATION):
                parts["control"] += 9 + size
                continue
            assert not flag & PADDED, "neither side pads"
            around = 5 if kind == HEADERS and flag & PRIORITY else 0
            parts["framing"] += 9 + around
            parts["payload" if kind == DATA else "heads"] += size - around
    for direction, parts in counted.items():
        parts["tls"] = wire[direction] - sum(parts.values())
    return counted


async def with_keys(wsbench, transport, more):
    name = f"a capture with its keys: {transport} {more!r}"
    with tempfile.TemporaryDirectory() as folder:
        keys, capture = f"{folder}/keys", f"{folder}/capture.pcap"
        settings = {"transport": transport, "more": more}
        server, port = serve(wsbench, folder, FEED.format(server="", **settings), "--tls")
        # As root of a container tcpdump would give its rights up and could not write.
        watch = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-s", "0", "-B", "16384", "--immediate-mode", "-Z", "root", "-w", capture, f"tcp port {port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            said = watch.stderr.readline()
            if "listening" not in said:
                print(f"left out: {name}: tcpdump says {said.strip()}")
                return []
            address = f'[server]\nurl = "https://127.0.0.1:{port}"\ntls = {{ insecure = true }}'
            found = await run(wsbench, folder, FEED.format(server=address, **settings),
                              env={**os.environ, "SSLKEYLOGFILE": keys})
            await asyncio.sleep(0.5)
        finally:
            server.terminate()
            watch.send_signal(signal.SIGINT)
            _, said = watch.communicate()
            server.wait()
        if isinstance(found, str):
            return [f"{name}: {found}"]
        if "\n0 packets dropped" not in "\n" + said:
            return [f"{name}: the kernel dropped packets: {said}"]
        return differences(name, transport, found, decoded(capture, keys, port))


def by_nghttp(wsbench):
    """nghttp asks thrice on one connection: the header blocks of the answers are those that `plan` says."""
    lines = []
    for tls in ([], ["--tls"]):
        name = f"nghttp{' over TLS' if tls else ''}"
        with tempfile.TemporaryDirectory() as folder:
            scenario = FEED.format(server="", transport="polling", more='interval = "100ms"\nresponse_head = "minimal"')
            server, port = serve(wsbench, folder, scenario, *tls)
            try:
                plan = subprocess.run([wsbench, "plan", f"{folder}/serve.toml"], capture_output=True, text=True,
                                      check=True).stdout
                path = re.search(r":path: (\S+)", plan).group(1)
                foretold = re.search(r"HEADERS of the first answer (\d+) B, those of later ones (\d+) B", plan)
                first, later = (int(one) for one in foretold.groups())
                # One at a time, as a client that polls.
                said = subprocess.run(
                    ["nghttp", "-v", "-n", "-y", "-m", "3", "-M", "1",
                     f"http{'s' if tls else ''}://127.0.0.1:{port}{path}"],
                    capture_output=True, text=True, check=True).stdout
            finally:
                server.terminate()
                server.wait()
        seen = [9 + int(one) for one in re.findall(r"recv \S*HEADERS frame <length=(\d+)", re.sub(r"\x1b\[[\d;]*m", "", said))]
        print(f"{name}: HEADERS of answers {seen}, planned {first} and {later}")
        if seen != [first, later, later]:
            lines.append(f"{name}: HEADERS of {seen} B, and the plan has {first} and {later}")
    return lines


async def main(wsbench):
    lines, left_out = [], 0
    poll = 'interval = "100ms"'
    for program, server, cases in (
        ("node", node, [("polling", poll), ("polling", poll + "\nstreams = 3"), ("sse", ""), ("sse", "streams = 3"),
                        ("streaming", 'delimiter = "line"'), ("websocket", ""), ("websocket", "streams = 6")]),
        ("nginx", nginx, [("polling", poll), ("polling", poll + '\nstreams = 3\nheader_table = "0B"')]),
        ("nghttpd", nghttpd, [("polling", poll), ("polling", poll + '\nstreams = 6\nhpack = "static"')]),
    ):
        if not which(program):
            print(f"left out: {program} is not installed")
            continue
        for transport, more in cases:
            lines += await behind_a_relay(wsbench, server, transport, more)
    if which("tcpdump") and which("tshark"):
        for transport, more in (("polling", poll), ("polling", poll + "\nstreams = 3"), ("sse", ""), ("streaming", ""),
                                ("websocket", ""), ("websocket", "streams = 3")):
            lines += await with_keys(wsbench, transport, more)
    else:
        print("left out: tcpdump and tshark are not installed")
    if which("nghttp"):
        lines += by_nghttp(wsbench)
    else:
        print("left out: nghttp is not installed")
    print("\n".join(lines))
    print(f"HTTP/2 as its peers count it: {len(lines)} differ")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
