"""Independent clients: each measures the delivery latency of the server's own messages."""

import base64
import os
import socket
import ssl
import threading
import time

from .stream import Stream


class Client(threading.Thread):
    """One connection of one transport, until `stop`. Failures are in `fault`."""

    def __init__(self, way, address, secure=False):
        super().__init__(daemon=True)
        self.way, self.address, self.secure = way, address, secure
        self.stream = Stream(way.transport)
        self.stopping = threading.Event()
        self.socket = None
        self.local = None
        self.fault = ""

    def run(self):
        try:
            self._connect()
            if self.way.transport.endswith("polling"):
                self._ask()
            else:
                self._listen()
        except (OSError, ValueError) as error:
            if not self.stopping.is_set():
                self.fault = str(error)
        finally:
            if self.socket:
                self.socket.close()

    def stop(self):
        self.stopping.set()

    def _connect(self):
        self.socket = socket.create_connection(self.address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = self.socket.getsockname()
        if self.secure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.settimeout(0.2)

    def _request(self):
        lines = [f"GET {self.way.path} HTTP/1.1", f"Host: {self.address[0]}:{self.address[1]}"]
        if self.way.transport == "websocket":
            key = base64.b64encode(os.urandom(16)).decode()
            lines += ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
                      "Sec-WebSocket-Version: 13"]
            if self.way.subprotocol:
                lines.append(f"Sec-WebSocket-Protocol: {self.way.subprotocol}")
        if self.way.transport == "sse":
            lines.append("Accept: text/event-stream")
        if self.way.accept_encoding:
            lines.append(f"Accept-Encoding: {self.way.accept_encoding}")
        if self.way.conditional and self.stream.etag:
            lines.append(f"If-None-Match: {self.stream.etag}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _receive(self):
        """Reads once. False if nothing came or the server has closed."""
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return False
        now = time.time_ns()
        if not data:
            if not self.stopping.is_set():
                self.fault = self.fault or "the server closed the connection"
            self.stopping.set()
            return False
        self.stream.feed(data, now)
        if self.stream.fault:
            raise ValueError(self.stream.fault)
        return True

    def _frame(self, opcode, payload):
        # The mask of zeros is a mask, and leaves the payload readable in a capture.
        size = bytes([128 | len(payload)]) if len(payload) < 126 else (
            bytes([254]) + len(payload).to_bytes(2, "big"))
        self.socket.sendall(bytes([128 | opcode]) + size + bytes(4) + payload)

    def _listen(self):
        self._request()
        steps, answered = list(self.way.first), 0
        while not self.stopping.is_set():
            self._receive()
            while self.stream.pings:
                self._frame(10, self.stream.pings.pop())
            while self.stream.upgraded and steps and steps[0][0] != "wait":
                self._frame(*steps.pop(0))
            for message in self.stream.messages[answered:]:
                answered += 1
                if steps and steps[0][0] == "wait" and steps[0][1] in message.text:
                    steps.pop(0)
                reply = self.way.replies.get(message.text)
                if reply is not None:
                    self._frame(1, reply)

    def _ask(self):
        interval = self.way.interval_s
        due = time.monotonic()
        while not self.stopping.is_set():
            before = sum(self.stream.statuses.values())
            self._request()
            while not self.stopping.is_set() and not self._answered(before):
                self._receive()
            due += interval
            if interval:
                self.stopping.wait(max(0, due - time.monotonic()))

    def _answered(self, before):
        return sum(self.stream.statuses.values()) > before and self.stream._body is None
