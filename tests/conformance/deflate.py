"""permessage-deflate with peers that are not ours.

    deflate.py PROGRAM [FOLDER]       FOLDER has npm's `ws`

A server by PyPI's `wsproto` cuts what passes its sockets into frames by itself, inflates it by Python's zlib, and counts
the bytes of each part: after a run, the ledger of wsbench must have the same, to the byte. The same counts what passes
between the clients and a server by npm's `ws`. Clients by PyPI's `websockets` and by `ws` must read what
`wsbench serve` compresses, by each offer."""

import asyncio
import collections
import json
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import websockets
import wsproto
import wsproto.events
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from wsproto.extensions import PerMessageDeflate

from ledger import ledger

SCENARIO = """\
name = "deflate"
clients = [6]
warmup = "200ms"
duration = "800ms"
cooldown = "300ms"
driver_lateness = "1s"
[feed]
rate = "10/s"
payload = "json-orderbook"
{feed}
[server]
url = "http://127.0.0.1:{port}"
[[series]]
transport = "websocket"
path = "/"
extensions = "{offer}"
"""


class Cutter:
    """The frames of one direction of a connection, by part."""

    def __init__(self, parts, keeps_window):
        self.parts, self.keeps = parts, keeps_window
        self.buffer, self.head, self.message = b"", True, None
        self.inflater = zlib.decompressobj(-15)

    def feed(self, data):
        self.buffer += data
        if self.head:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.parts["heads"] += end + 4
            self.buffer, self.head = self.buffer[end + 4:], False
        while len(self.buffer) >= 2:
            first, second = self.buffer[0], self.buffer[1]
            length, at = second & 0x7F, 2
            if length == 126:
                length, at = int.from_bytes(self.buffer[2:4], "big"), 4
            elif length == 127:
                length, at = int.from_bytes(self.buffer[2:10], "big"), 10
            mask = self.buffer[at:at + 4] if second & 0x80 else b""
            whole = at + len(mask) + length
            if len(self.buffer) < whole:
                return
            payload = self.buffer[at + len(mask):whole]
            if mask:
                payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
            self.buffer = self.buffer[whole:]
            if first & 0x08:
                self.parts["control"] += whole
                continue
            self.parts["framing"] += at
            self.parts["masks"] += len(mask)
            self.parts["payload"] += length
            if first & 0x0F:
                self.message, self.coded = b"", bool(first & 0x40)
            self.message += payload
            if first & 0x80:
                self.end()

    def end(self):
        text = self.message
        if self.coded:
            text = self.inflater.decompress(text + b"\x00\x00\xff\xff")
            self.parts["coded"] += len(self.message)
            self.parts["text"] += len(text)
            if not self.keeps:
                self.inflater = zlib.decompressobj(-15)
        assert json.loads(text)["type"] == "book"


class Server:
    """Sends every 100 ms, or answers each message with the same."""

    def __init__(self, settings, echo):
        self.settings, self.echo = settings, echo
        self.up, self.down = collections.Counter(), collections.Counter()

    async def serve(self, reader, writer):
        up, down = collections.Counter(), collections.Counter()
        connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        kept = self.settings
        cut_up = Cutter(up, not kept.get("client_no_context_takeover"))
        cut_down = Cutter(down, not kept.get("server_no_context_takeover"))
        tasks = []

        def send(event):
            data = connection.send(event)
            cut_down.feed(data)
            writer.write(data)

        async def push():
            number = 0
            while True:
                await asyncio.sleep(0.1)
                number += 1
                levels = [[f"{64000 - i - number % 7}.50", f"0.{(number * 7919 + i) % 99999:05}"] for i in range(20)]
                send(wsproto.events.TextMessage(json.dumps({"type": "book", "number": number, "bids": levels})))

        try:
            while data := await reader.read(65536):
                cut_up.feed(data)
                connection.receive_data(data)
                for event in connection.events():
                    if isinstance(event, wsproto.events.Request):
                        send(wsproto.events.AcceptConnection(extensions=[PerMessageDeflate(**self.settings)]))
                        if not self.echo:
                            tasks.append(asyncio.ensure_future(push()))
                    elif isinstance(event, wsproto.events.CloseConnection):
                        for task in tasks:
                            task.cancel()
                        send(event.response())
                        writer.close()
                    elif isinstance(event, wsproto.events.Ping):
                        send(event.response())
                    elif isinstance(event, wsproto.events.TextMessage):
                        assert event.message_finished
                        send(wsproto.events.TextMessage(event.data))
        except (ConnectionError, wsproto.utilities.LocalProtocolError):
            pass
        for task in tasks:
            task.cancel()
        # A connection that asks nothing is the look whether the server is there.
        if up:
            self.up.update(up)
            self.down.update(down)


class Proxy:
    """Passes bytes between the clients and a server, and counts them."""

    def __init__(self, port, keeps):
        self.port, self.keeps = port, keeps
        self.up, self.down = collections.Counter(), collections.Counter()

    async def serve(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        up, down = collections.Counter(), collections.Counter()

        async def pass_on(source, sink, cutter):
            try:
                while data := await source.read(65536):
                    cutter.feed(data)
                    sink.write(data)
                    await sink.drain()
                sink.write_eof()
            except (ConnectionError, OSError):
                pass

        await asyncio.gather(pass_on(reader, back, Cutter(up, self.keeps["client"])),
                             pass_on(there, writer, Cutter(down, self.keeps["server"])))
        writer.close()
        back.close()
        if up:
            self.up.update(up)
            self.down.update(down)


async def compare(wsbench, offer, settings, echo):
    name = f"{offer!r} accepted with {settings}, {'echo' if echo else 'pushed'}"
    return await compare_with(wsbench, Server(settings, echo), name, offer, echo)


async def compare_ws(wsbench, folder, offer, settings, keeps, echo):
    """The same with a server by npm's `ws`."""
    script = Path(__file__).with_name("deflate_ws.mjs")
    node = await asyncio.create_subprocess_exec(
        "node", script, "serve", json.dumps(settings), "echo" if echo else "push",
        env={**os.environ, "WS_FOLDER": str(folder)}, stdout=subprocess.PIPE)
    try:
        port = int(await node.stdout.readline())
        name = f"ws with {settings}, {'echo' if echo else 'pushed'}"
        return await compare_with(wsbench, Proxy(port, keeps), name, offer, echo)
    finally:
        node.kill()
        await node.wait()


async def compare_with(wsbench, server, name, offer, echo):
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "scenario.toml"
        feed = 'workload = "echo"' if echo else ""
        scenario.write_text(SCENARIO.format(port=port, offer=offer, feed=feed))
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
        parts = ["heads", "control", "framing", "masks", "payload"]
        for part in parts + (["coded", "text"] if direction == "down" else []):
            ours, theirs = found[direction][part], counted[part]
            if ours != theirs:
                failed = 1
                print(f"{name}: {direction} {part}: {ours} here, {theirs} there")
        total = sum(counted[part] for part in parts)
        if found[direction]["wire"] != total or not total:
            failed = 1
            print(f"{name}: {direction} wire: {found[direction]['wire']} here, {total} there")
        print(f"{name}: {direction} {total} B: " + ", ".join(f"{p} {b}" for p, b in sorted(counted.items())))
    return failed


async def read_ours(wsbench, folder_of_ws):
    """Lets clients with each offer read what our server compresses."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "serve.toml"
        scenario.write_text("""\
clients = [1]
[feed]
rate = "50/s"
payload = "json-ticker"
[[series]]
transport = "websocket"
extensions = "permessage-deflate"
""")
        server = await asyncio.create_subprocess_exec(
            wsbench, "serve", "--scenario", scenario, "--bind", "127.0.0.1:0", stdout=subprocess.PIPE)
        port = None
        while port is None:
            line = (await server.stdout.readline()).decode()
            assert line, "wsbench serve does not say where it listens"
            if "127.0.0.1:" in line:
                port = int(line.split("127.0.0.1:")[1].split()[0].split("/")[0].rstrip(","))
        offers = [
            {}, {"server_no_context_takeover": True}, {"client_no_context_takeover": True},
            {"server_max_window_bits": 9}, {"client_max_window_bits": 9},
            {"server_max_window_bits": 12, "client_max_window_bits": True, "server_no_context_takeover": True},
        ]
        for offer in offers:
            factory = ClientPerMessageDeflateFactory(**offer)
            url = f"ws://127.0.0.1:{port}/ws"
            async with websockets.connect(url, compression=None, extensions=[factory]) as client:
                agreed = client.protocol.extensions
                tickers = [json.loads(await client.recv()) for _ in range(20)]
                numbers = [ticker["seq"] for ticker in tickers]
                good = len(agreed) == 1 and numbers == list(range(numbers[0], numbers[0] + 20))
                await client.send("x" * 1000)
                await client.ping()
                print(f"websockets offers {offer}: {agreed}, 20 messages {'' if good else 'WRONG'}")
                failed |= not good
        script = Path(__file__).with_name("deflate_ws.mjs")
        of_ws = [{}, {"serverNoContextTakeover": True}, {"serverMaxWindowBits": 9}, {"clientMaxWindowBits": 10},
                 {"clientNoContextTakeover": True}]
        for offer in of_ws if folder_of_ws else []:
            node = await asyncio.create_subprocess_exec(
                "node", script, "read", f"ws://127.0.0.1:{port}/ws", json.dumps(offer),
                env={**os.environ, "WS_FOLDER": str(folder_of_ws)}, stdout=subprocess.PIPE)
            said, _ = await asyncio.wait_for(node.communicate(), 30)
            print(f"ws offers {offer}: {said.decode().strip()}")
            failed |= node.returncode != 0
        server.terminate()
        await server.wait()
    return int(failed)


async def main():
    wsbench = Path(sys.argv[1]).resolve()
    runs = [
        ("permessage-deflate", {}),
        ("permessage-deflate; client_max_window_bits", {"client_max_window_bits": 10}),
        ("permessage-deflate; server_max_window_bits=9", {"server_max_window_bits": 9}),
        ("permessage-deflate; server_no_context_takeover", {"server_no_context_takeover": True}),
        ("permessage-deflate; client_no_context_takeover", {"client_no_context_takeover": True}),
    ]
    failed = 0
    for offer, settings in runs:
        for echo in (False, True):
            failed += await compare(wsbench, offer, settings, echo)
    of_ws = [
        ("permessage-deflate", {}, {"server": True, "client": True}),
        ("permessage-deflate; server_no_context_takeover", {"serverNoContextTakeover": True},
         {"server": False, "client": True}),
        ("permessage-deflate; client_max_window_bits", {"clientMaxWindowBits": 10}, {"server": True, "client": True}),
        ("permessage-deflate; client_no_context_takeover", {"clientNoContextTakeover": True},
         {"server": True, "client": False}),
    ]
    folder_of_ws = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    if not folder_of_ws:
        of_ws = []
    for offer, settings, keeps in of_ws:
        for echo in (False, True):
            failed += await compare_ws(wsbench, folder_of_ws, offer, settings, keeps, echo)
    failed += await read_ours(wsbench, folder_of_ws)
    print(f"{2 * len(runs) + 2 * len(of_ws) + 1} comparisons, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
