"""Publishes ten messages a second to the topic "feed" by MQTT 3.1.1, less every so many."""

import itertools
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import message, wait_s


def field(data):
    return len(data).to_bytes(2, "big") + data


def packet(kind, body):
    assert len(body) < 16384
    length = len(body)
    size = bytes([length]) if length < 128 else bytes([length % 128 | 128, length // 128])
    return bytes([kind]) + size + body


connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
# Clean session, no keep-alive.
connection.sendall(packet(0x10, field(b"MQTT") + bytes([4, 2, 0, 0]) + field(b"publisher")))
assert connection.recv(4)[:1] == b"\x20"
drop = int(sys.argv[2])
for number in itertools.count(1):
    time.sleep(wait_s(0, number))
    if not drop or number % drop:
        connection.sendall(packet(0x30, field(b"feed") + message(number).encode()))
