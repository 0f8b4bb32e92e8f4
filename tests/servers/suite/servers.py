"""A server of the suite: its folder's server.toml, its processes, and its ways."""

import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import install

HERE = Path(__file__).parent.parent
ROOT = HERE.parent.parent
# How long a server may take until it listens.
READY_S = 60


@dataclass
class Way:
    """One transport by which a server is measured."""

    label: str
    transport: str
    path: str
    # The path at which messages are left out; empty if the server cannot. The same as `path` if it
    # is started anew for it.
    dropped: str = ""
    interval_s: float = 0.0
    subprotocol: str = ""
    # The codings of bodies that a request asks for, as a field's value.
    accept_encoding: str = ""
    # Whether a request names the ETag of the last answer, and may be answered with 304.
    conditional: bool = False
    # What the independent client sends first and waits for, as `_frame` reads it.
    first: list = field(default_factory=list)
    # Its answers to messages.
    replies: dict = field(default_factory=dict)
    # Why it is not run.
    skip: str = ""


class Server:
    """What server.toml says, with `{…}` filled in."""

    def __init__(self, name, cache, wsbench):
        self.name, self.folder = name, HERE / name
        self.facts = tomllib.loads((self.folder / "server.toml").read_text())
        self.title, self.port = self.facts["title"], self.facts["port"]
        self.secure = self.facts.get("secure", False)
        # Of a TLS proxy: the ports at which it asks in plain text, if a capture is to see them. Its
        # requests have the client's address and port in X-Client.
        self.plain_ports = self.facts.get("plain_ports", [])
        self.page = ROOT / "docs" / "servers" / f"{name}.md"
        self.cache, self.wsbench = cache, wsbench
        self.processes = []
        self.ways = [_way(label, facts) for label, facts in self.facts["ways"].items()]
        message = self.facts.get("message", {})
        self.stamp = Stamp(**message)

    def install(self):
        """Installs what it needs, and sets `version` and the values of `{…}`."""
        values = {"here": self.folder, "port": self.port, "port+1": self.port + 1, "port+2": self.port + 2,
                  "wsbench": self.wsbench}
        self.environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        package = self.facts.get("package", "")
        if "npm" in self.facts["needs"]:
            self.environment["NODE_PATH"] = str(self.cache.npm())
            values["node"] = _program("node")
            self.version = install.npm_version(package)
        if "python" in self.facts["needs"]:
            values["python"] = self.cache.python()
            self.version = install.python_version(package)
        if "debian" in self.facts["needs"]:
            folder = self.cache.debian(self.facts["debian"])
            self.version = install.debian_version(folder, package)
            libraries = folder / "root" / "usr" / "lib"
            self.environment["LD_LIBRARY_PATH"] = ":".join(
                str(d) for d in (libraries, *libraries.glob("*-linux-gnu")) if d.is_dir())
            values["root"] = folder / "root"
            values["modules"] = libraries / "nginx" / "modules"
            for name in self.facts.get("programs", []):
                values[name] = install.find_program(folder, name)
        if "java" in self.facts["needs"]:
            values["java"], values["javac"] = _program("java"), _program("javac")
        for name in ("sh", "python3"):
            values[name] = _program(name)
        self.values = values

    def fill(self, text):
        """Replaces each `{name}` that has a value; other braces stay."""
        return re.sub(r"\{([a-z0-9+]+)\}",
                      lambda m: str(self.values.get(m[1], m[0])), text)

    def drops_by_restart(self):
        """Whether it is told to leave messages out when it is started, and not by a path."""
        return any("{drop}" in words for words in self.facts["commands"])

    def start(self, tmp, drop=0):
        """Starts its processes in order; each must listen before the next.

        With `drop` every so many messages are left out, if `drops_by_restart`.
        """
        self.values.update(tmp=tmp, drop=drop)
        for file in self.facts.get("files", []):
            (tmp / file).write_text(self.fill((self.folder / file).read_text()))
        for words in self.facts.get("prepare", []):
            install.run([self.fill(w) for w in words], env=self.environment, cwd=tmp)
        listens = self.facts.get("listens", [self.port])
        for index, words in enumerate(self.facts["commands"]):
            log = (tmp / f"server-{index}.log").open("w")
            process = subprocess.Popen(
                [self.fill(w) for w in words], cwd=tmp, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.processes.append((process, tmp / f"server-{index}.log"))
            if index < len(listens):
                self._wait(process, listens[index], tmp / f"server-{index}.log")

    def _wait(self, process, port, log):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and process.poll() is None:
            if _accepts(port):
                return
            time.sleep(0.05)
        last = log.read_text().strip().splitlines()[-3:]
        raise install.Unavailable(f"{self.title} does not listen: {' '.join(last) or 'no output'}")

    def ended(self):
        """What a process that ended by itself printed last, or an empty text."""
        for process, log in self.processes:
            if process.poll() is not None:
                last = log.read_text().strip().splitlines()[-1:]
                return f"a process of it ended with {process.returncode}: {' '.join(last)}"
        return ""

    def stop(self):
        for process, _ in reversed(self.processes):
            process.terminate()
        for process, _ in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        # What a process has started may end a moment later; the next server would not get its port.
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and _accepts(self.port):
            time.sleep(0.05)

    def scenario(self):
        """The scenario on its page of docs/servers, as it stands."""
        found = re.search(r"^```toml\n(.*?)^```", self.page.read_text(), re.S | re.M)
        return found[1]


def _accepts(port):
    """Whether something listens at a port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def _program(name):
    path = shutil.which(name)
    if path is None:
        raise install.Unavailable(f"{name} is not installed")
    return path


def _way(label, facts):
    facts = dict(facts)
    facts.setdefault("transport", label)
    first = [_frame(text) for text in facts.pop("first", [])]
    replies = {k.encode(): v.encode() for k, v in facts.pop("replies", {}).items()}
    return Way(label=label, first=first, replies=replies, **facts)


def _frame(text):
    """A frame's opcode and payload; or "wait" and what the awaited message contains."""
    if text.startswith("wait:"):
        return "wait", text[5:].encode()
    if text.startswith("hex:"):
        return 2, bytes.fromhex(text[4:])
    return 1, text.encode()


@dataclass
class Stamp:
    """Where a message has its number and its time."""

    # "regex": the two expressions below; "base36": as `wsbench serve` writes them.
    form: str = "regex"
    # Regular expressions with one group each.
    sequence: str = r'"seq": ?(\d+)'
    time: str = r'"t": ?([\d.]+)'
    # Nanoseconds of one unit of the time.
    unit_ns: float = 1e9
    clock: str = "realtime"

    def read(self, text, monotonic_to_real_ns):
        """Number and time in ns of CLOCK_REALTIME, or None."""
        if self.form == "base36":
            return int(text[:7], 36), int(text[7:21], 36) + monotonic_to_real_ns
        number = re.search(self.sequence.encode(), text)
        moment = re.search(self.time.encode(), text)
        if not number or not moment:
            return None
        value = float(moment[1]) if b"." in moment[1] else int(moment[1])
        at_ns = int(value * self.unit_ns)
        return int(number[1]), at_ns + (monotonic_to_real_ns if self.clock == "monotonic" else 0)
