"""A packet capture of ports of the loopback, taken apart by connection."""

import struct
import subprocess
import time
from dataclasses import dataclass, field

from .stream import Stream

FIN, SYN, RST, ACK = 1, 2, 4, 16


@dataclass
class Direction:
    """One way of a connection."""

    start: int = None
    # Offset → (time, data); what is sent again has an offset that is there already.
    segments: dict = field(default_factory=dict)
    sent: int = 0
    fin_at: int = None
    # When its end was sent.
    ended_ns: int = None
    # What the other side acknowledged, from the start.
    acknowledged: int = 0

    def take(self, seq, data, flags, at_ns):
        if self.start is None:
            return
        offset = (seq - self.start - 1) & 0xFFFFFFFF
        if data and offset not in self.segments:
            self.segments[offset] = (at_ns, data)
            self.sent = max(self.sent, offset + len(data))
        if flags & FIN:
            self.fin_at = offset + len(data)
            self.ended_ns = self.ended_ns or at_ns

    def received(self):
        """Bytes that the other side's kernel has taken."""
        taken = self.acknowledged
        if self.fin_at is not None and taken > self.fin_at:
            taken = self.fin_at
        return taken

    def pieces(self, limit):
        """Time and data in order, each byte once, up to a limit."""
        at = 0
        for offset in sorted(self.segments):
            at_ns, data = self.segments[offset]
            if offset > at:
                return
            data = data[at - offset : max(0, limit - offset)]
            at += len(data)
            if data:
                yield at_ns, data


@dataclass
class Connection:
    """One TCP connection, from the client's SYN on."""

    client: tuple
    began_ns: int
    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)

    def first_lines(self):
        """The lines of its first request, or none if there is none to read."""
        first = b"".join(data for _, data in self.up.pieces(65536))
        lines = first.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        return lines if len(words) == 3 and words[2].startswith("HTTP/") else []

    def path(self):
        """The path of its first request, or an empty text."""
        lines = self.first_lines()
        return lines[0].split(" ")[1] if lines else ""

    def behind(self):
        """The address and port of the client that a proxy says it asks for (X-Client), or none."""
        for line in self.first_lines()[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "x-client":
                address, _, port = value.strip().rpartition(":")
                return address, int(port)
        return None

    def read(self, transport, until_ns=None):
        """What its server sent and its client took; with `until_ns` only what was sent before."""
        stream = Stream(transport, ended_ns=until_ns or self.up.ended_ns)
        for at_ns, data in self.down.pieces(self.down.received()):
            if until_ns is None or at_ns < until_ns:
                stream.feed(data, at_ns)
        return stream


class Capture:
    """A running tcpdump. `start` returns why there is none, if so."""

    def __init__(self, file, ports):
        self.file, self.ports = file, ports
        self.log = file.with_suffix(".log")
        self.process = None

    def start(self):
        command = ["tcpdump", "-i", "lo", "-n", "-U", "--immediate-mode", "-s", "0", "-B", "65536",
                   "-w", str(self.file), " or ".join(f"tcp port {port}" for port in self.ports)]
        try:
            with self.log.open("w") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except FileNotFoundError:
            return "tcpdump is not installed"
        for _ in range(100):
            if "listening on" in self.log.read_text():
                return None
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        return f"tcpdump may not capture: {self.log.read_text().strip().splitlines()[-1:]}"

    def stop(self):
        """Ends the capture and returns the connections to each port."""
        time.sleep(0.3)
        self.process.terminate()
        self.process.wait(timeout=10)
        log = self.log.read_text()
        if "0 packets dropped by kernel" not in log:
            raise RuntimeError(f"the capture is not complete: {log}")
        data = self.file.read_bytes()
        return {port: read_connections(data, port) for port in self.ports}


def read_connections(data, port):
    """The connections to a port in a little-endian pcap file of Ethernet and IPv4."""
    magic, link = struct.unpack_from("<I16xI", data)
    if magic not in (0xA1B2C3D4, 0xA1B23C4D) or link != 1:
        raise RuntimeError(f"not a capture that this reads: magic {magic:x}, link type {link}")
    scale = 1000 if magic == 0xA1B2C3D4 else 1
    connections, open_ones, at = [], {}, 24
    while at + 16 <= len(data):
        seconds, fraction, size = struct.unpack_from("<III", data, at)
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        if packet[12:14] != b"\x08\x00":
            continue
        _take_packet(packet[14:], seconds * 10**9 + fraction * scale, port, connections, open_ones)
    return connections


def _take_packet(ip, at_ns, port, connections, open_ones):
    header = (ip[0] & 15) * 4
    total = int.from_bytes(ip[2:4], "big")
    # A packet of more than 64 KiB before segmentation says 0.
    tcp = ip[header : total or len(ip)]
    source, target, seq, ack = struct.unpack_from(">HHII", tcp)
    flags, payload = tcp[13], tcp[(tcp[12] >> 4) * 4 :]
    if port not in (source, target):
        return
    upward = target == port
    client = (".".join(map(str, ip[12:16] if upward else ip[16:20])), source if upward else target)
    if upward and flags & SYN:
        connection = open_ones.get(client)
        if connection is None or connection.up.start != seq:
            connection = Connection(client, at_ns)
            open_ones[client] = connection
            connections.append(connection)
        connection.up.start = seq
        return
    connection = open_ones.get(client)
    if connection is None:
        return
    own, other = (connection.up, connection.down) if upward else (connection.down, connection.up)
    if flags & SYN:
        own.start = seq
        return
    own.take(seq, payload, flags, at_ns)
    if flags & ACK and not flags & RST and other.start is not None:
        taken = (ack - other.start - 1) & 0xFFFFFFFF
        other.acknowledged = max(other.acknowledged, taken)
