"""A server of HTTP/2 by PyPI's `h2`, which cuts what passes its sockets into frames by itself and counts the bytes of
each part. After a run, the ledger of wsbench must have the same bytes by part and direction, to the byte."""

import asyncio
import collections
import subprocess
import sys
import tempfile
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings

from ledger import ledger

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, CONTINUATION = 0, 1, 9
PADDED, PRIORITY = 0x8, 0x20

TIMES = """\
name = "http2"
clients = [6]
warmup = "200ms"
duration = "800ms"
cooldown = "300ms"
driver_lateness = "1s"
[feed]
rate = "10/s"
"""
SCENARIO = TIMES + """\
size = "{size}B"
[server]
url = "http://127.0.0.1:{port}"
[[series]]
transport = "{transport}"
path = "/{transport}"
http_version = "2"
request_head = "chapter"
{more}
"""


class Counter:
    """The bytes of one direction of a connection by part."""

    def __init__(self, parts, preface):
        self.parts, self.buffer, self.preface = parts, b"", preface

    def feed(self, data):
        self.buffer += data
        if self.preface:
            if len(self.buffer) < len(PREFACE):
                return
            assert self.buffer.startswith(PREFACE)
            self.buffer = self.buffer[len(PREFACE):]
            self.parts["control"] += len(PREFACE)
            self.preface = False
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags = self.buffer[3], self.buffer[4]
            around = 9
            if kind in (DATA, HEADERS) and flags & PADDED:
                around += 1 + self.buffer[9]
            if kind == HEADERS and flags & PRIORITY:
                around += 5
            inner = length + 9 - around
            if kind in (HEADERS, CONTINUATION):
                self.parts["heads"] += inner
                self.parts["framing"] += around
            elif kind == DATA:
                self.parts["payload"] += inner
                self.parts["framing"] += around
            else:
                self.parts["control"] += 9 + length
            self.buffer = self.buffer[9 + length:]


class Server:
    def __init__(self, size, table):
        self.size, self.table = size, table
        self.up, self.down = collections.Counter(), collections.Counter()
        self.sequence = 0

    def payload(self):
        self.sequence += 1
        return f"{self.sequence:07}".encode().ljust(self.size, b"x")

    async def serve(self, reader, writer):
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        h2c = h2.connection.H2Connection(config=config)
        h2c.initiate_connection()
        # In force once the client has acknowledged them.
        h2c.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: self.table})
        parts_up, parts_down = collections.Counter(), collections.Counter()
        up, down = Counter(parts_up, True), Counter(parts_down, False)
        tasks = []

        def flush():
            data = h2c.data_to_send()
            down.feed(data)
            writer.write(data)

        def send(stream, data, end=False):
            pieces = [data[i:i + 16384] for i in range(0, len(data), 16384)]
            for i, piece in enumerate(pieces):
                h2c.send_data(stream, piece, end_stream=end and i + 1 == len(pieces))

        async def push(stream, make):
            while True:
                await asyncio.sleep(0.1)
                try:
                    send(stream, make())
                except h2.exceptions.ProtocolError:
                    return
                flush()

        flush()
        try:
            while data := await reader.read(65536):
                up.feed(data)
                for event in h2c.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        path = dict(event.headers)[b":path"]
                        fields = [(":status", "200"), ("date", "Sat, 07 Nov 2009 00:32:46 GMT")]
                        if path == b"/sse":
                            fields.append(("content-type", "text/event-stream"))
                            h2c.send_headers(event.stream_id, fields)
                            make = lambda: b"data: " + self.payload() + b"\n\n"
                            tasks.append(asyncio.ensure_future(push(event.stream_id, make)))
                        elif path == b"/streaming":
                            h2c.send_headers(event.stream_id, fields)
                            make = lambda: self.payload() + b"\n"
                            tasks.append(asyncio.ensure_future(push(event.stream_id, make)))
                        else:
                            body = self.payload()
                            fields.append(("content-length", str(len(body))))
                            h2c.send_headers(event.stream_id, fields)
                            send(event.stream_id, body, True)
                flush()
        except ConnectionError:
            pass
        for task in tasks:
            task.cancel()
        writer.close()
        assert not up.buffer, "the last frame is whole"
        # A connection that asks nothing is the look whether the server is there.
        if parts_up:
            self.up.update(parts_up)
            self.down.update(parts_down)


async def compare(wsbench, transport, more, size, table):
    server = Server(size, table)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    name = f"{transport} {more!r} size {size} table {table}"
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "scenario.toml"
        scenario.write_text(SCENARIO.format(port=port, transport=transport, more=more, size=size))
        run = await asyncio.create_subprocess_exec(
            wsbench, "run", scenario, "--out", f"{folder}/out", "--reports", "csv", "-q",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await run.communicate()
        await asyncio.sleep(0.1)
        listener.close()
        if run.returncode not in (0, 96):
            print(f"{name}: exit code {run.returncode}\n{said.decode()}")
            return 1
        found = ledger(Path(folder) / "out" / "result.jsonl")
    failed = 0
    for direction, counted in (("up", server.up), ("down", server.down)):
        # Event streams have framing of their own within their payload.
        parts = [("heads",), ("control",), ("framing", "payload")] if transport in ("sse", "streaming") \
            else [("heads",), ("control",), ("framing",), ("payload",)]
        for group in parts:
            ours = sum(found[direction][p] for p in group)
            theirs = sum(counted[p] for p in group)
            # What came after a client had given its stream up.
            more_ = found[direction]["discarded"] if "payload" in group else 0
            if ours + more_ != theirs:
                failed = 1
                print(f"{name}: {direction} {'+'.join(group)}: {ours} here, {theirs} there")
        total = sum(counted.values())
        print(f"{name}: {direction} {total} B: " + ", ".join(f"{p} {b}" for p, b in sorted(counted.items())))
        if found[direction]["wire"] != total:
            failed = 1
            print(f"{name}: {direction} wire: {found[direction]['wire']} here, {total} there")
    return failed


async def main(wsbench):
    failed = 0
    for transport, more, size, table in (
        ("polling", 'interval = "100ms"', 21, 4096),
        ("polling", 'interval = "100ms"\nhpack = "static"\nheader_table = "0B"', 21, 4096),
        ("polling", 'interval = "100ms"\nhpack = "cookies-never-indexed"\nstreams = 3', 21, 0),
        ("polling", 'interval = "100ms"\nstreams = 6', 40000, 256),
        ("sse", "", 21, 4096),
        ("sse", "streams = 3", 20000, 4096),
        ("streaming", 'delimiter = "line"\nstreams = 2', 21, 4096),
    ):
        failed += await compare(wsbench, transport, more, size, table)
    print("HTTP/2 as PyPI's h2 counts it:", f"{failed} of 7 differ" if failed else "0 differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
