"""What a server sent on one connection, taken apart: a second reader of HTTP/1.1 and WebSocket.

It shares nothing with wsbench's. The captures and the independent clients both use it.
"""

import re
import zlib
from dataclasses import dataclass, field


@dataclass
class Message:
    """An update as it arrived."""

    at_ns: int
    # Decompressed, if it came compressed.
    text: bytes
    compressed: bool = False


@dataclass
class Stream:
    """Takes bytes with the time of their arrival, and keeps messages."""

    transport: str
    messages: list = field(default_factory=list)
    heads: int = 0
    statuses: dict = field(default_factory=dict)
    # Of the last answer that has one.
    etag: str = ""
    # Bytes of compressed bodies as they were sent.
    compressed_bytes: int = 0
    # Set if the bytes are not what the transport promises.
    fault: str = ""
    upgraded: bool = False
    # When its client ended, if that is known.
    ended_ns: int = None
    # Control frames, for a client that answers pings.
    pings: list = field(default_factory=list)
    _buffer: bytearray = field(default_factory=bytearray)
    _body: object = None
    _fragments: bytearray = field(default_factory=bytearray)

    def feed(self, data, at_ns):
        self._buffer += data
        try:
            while not self.fault and self._step(at_ns):
                pass
        except (ValueError, zlib.error) as error:
            self.fault = str(error)

    def _step(self, at_ns):
        if self.upgraded:
            return self._frame(at_ns)
        if self._body is not None:
            return self._body.step(self._buffer, at_ns)
        return self._head()

    def _head(self):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).decode("latin-1")
        del self._buffer[: end + 4]
        self.heads += end + 4
        status = int(head.split(" ", 2)[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        headers = {}
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self.etag = headers.get("etag", self.etag)
        if status == 101:
            self.upgraded = True
        elif status >= 200 and status not in (204, 304):
            self._body = _Body(self, headers)
        return True

    def _frame(self, at_ns):
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, at = buffer[1] & 127, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
            if len(buffer) < at:
                return False
        if len(buffer) < at + size:
            return False
        opcode, payload = buffer[0] & 15, bytes(buffer[at : at + size])
        final = buffer[0] & 128
        del buffer[: at + size]
        if opcode == 9:
            self.pings.append(payload)
        elif opcode < 8:
            self._fragments += payload
            if final:
                whole = bytes(self._fragments)
                self._fragments.clear()
                self.messages.append(Message(at_ns, whole))
        return True

    def body_ended(self):
        self._body = None


class _Body:
    """A response's body: by chunks, by length, or to the end of the connection."""

    def __init__(self, stream, headers):
        self.stream = stream
        self.chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        self.left = None if length is None else int(length)
        self.decoder = None
        if headers.get("content-encoding") in ("gzip", "deflate"):
            self.decoder = zlib.decompressobj(47)
        # The body of a poll so far, or the lines of an event.
        self.text = bytearray()
        self.data_lines = []

    def step(self, buffer, at_ns):
        if self.chunked:
            return self._chunk(buffer, at_ns)
        if self.left == 0:
            return self._end(at_ns)
        if not buffer:
            return False
        take = len(buffer) if self.left is None else min(self.left, len(buffer))
        piece = bytes(buffer[:take])
        del buffer[:take]
        if self.left is not None:
            self.left -= take
        self._piece(piece, at_ns)
        return True

    def _chunk(self, buffer, at_ns):
        line = buffer.find(b"\r\n")
        if line < 0:
            return False
        size = int(bytes(buffer[:line]).split(b";")[0], 16)
        if len(buffer) < line + 2 + size + 2:
            return False
        piece = bytes(buffer[line + 2 : line + 2 + size])
        del buffer[: line + 2 + size + 2]
        if size == 0:
            return self._end(at_ns)
        self._piece(piece, at_ns)
        return True

    def _piece(self, piece, at_ns):
        text = piece
        if self.decoder:
            self.stream.compressed_bytes += len(piece)
            text = self.decoder.decompress(piece)
        transport = self.stream.transport
        if transport == "streaming" and not self.chunked:
            self.text += text
            while (end := self.text.find(b"\n")) >= 0:
                line = bytes(self.text[:end])
                del self.text[: end + 1]
                self._message(at_ns, line)
        elif transport == "streaming":
            # An encoder may send its own header as a chunk of no text.
            if text:
                self._message(at_ns, text)
        elif transport == "sse":
            self.text += text
            self._events(at_ns)
        else:
            self.text += text

    def _events(self, at_ns):
        while (end := self.text.find(b"\n")) >= 0:
            line = bytes(self.text[:end]).rstrip(b"\r")
            del self.text[: end + 1]
            if line:
                found = re.match(rb"data: ?(.*)", line, re.S)
                if found:
                    self.data_lines.append(found[1])
            elif self.data_lines:
                data = b"\n".join(self.data_lines)
                self.data_lines.clear()
                self._message(at_ns, data)

    def _end(self, at_ns):
        if self.text and self.stream.transport.endswith("polling"):
            self._message(at_ns, bytes(self.text))
        if self.decoder and self.text and not self.decoder.eof:
            raise ValueError("a compressed body is not whole")
        self.stream.body_ended()
        return True

    def _message(self, at_ns, text):
        self.stream.messages.append(Message(at_ns, text, self.decoder is not None))
