"""Publishes ten messages a second to /topic/updates by STOMP 1.2, less every so many."""

import itertools
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from feed import message, wait_s

drop = int(sys.argv[2])
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(
    b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\0"
)
assert connection.recv(4096).startswith(b"CONNECTED")
for number in itertools.count(1):
    time.sleep(wait_s(0, number))
    if not drop or number % drop:
        frame = f"SEND\ndestination:/topic/updates\n\n{message(number)}\0"
        connection.sendall(frame.encode())
