#!/usr/bin/env python3
"""How much two measures of a server's memory for each client vary if it is compared with itself.

    cargo build --release --locked && tests/bench/memory_slope.py [--pairs 12] [--clients 100]

Idle WebSocket clients connect in steps to a new `wsbench serve` each time, whose private resident memory is
read after each step. Prints the mean and the standard deviation of ln(B/A) of what a client adds from before the
first one to the last, and of the slope over the clients from the first step on. Load goes to 127.0.0.1 alone.
"""

import argparse
import base64
import math
import os
import socket
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEPS = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wsbench", type=Path, default=ROOT / "target" / "release" / "wsbench")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--clients", type=int, default=100)
    options = parser.parse_args()
    found = {"a client": [], "a further client": []}
    for _ in range(options.pairs):
        for name, pair in zip(found, zip(measure(options), measure(options))):
            found[name].append(pair)
    for name, pairs in found.items():
        mean = statistics.mean(figure for pair in pairs for figure in pair)
        logs = [math.log(b / a) for a, b in pairs]
        print(f"{name:16} {mean:8.0f} B  deviation of ln(B/A) {statistics.stdev(logs):.2%}")


def measure(options):
    """What a client adds to a new server, and what a further one does."""
    words = [options.wsbench, "serve", "--bind", "127.0.0.1:0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    clients = []
    try:
        port = int(server.stdout.readline().decode().rsplit(":", 1)[1].split("/")[0])
        time.sleep(0.2)
        readings = [(0, resident(server.pid))]
        for step in range(1, STEPS + 1):
            while len(clients) < options.clients * step // STEPS:
                clients.append(connect(port))
            time.sleep(0.1)
            readings.append((len(clients), resident(server.pid)))
    finally:
        for client in clients:
            client.close()
        server.kill()
        server.wait()
    (_, before), (last, during) = readings[0], readings[-1]
    return (during - before) / last, statistics.linear_regression(*zip(*readings[1:])).slope


def resident(pid):
    """Its private resident bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("RssAnon:")).split()[1])


def connect(port):
    client = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall((f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
    if b" 101 " not in client.recv(64):
        raise SystemExit("wsbench serve did not upgrade")
    return client


if __name__ == "__main__":
    main()
