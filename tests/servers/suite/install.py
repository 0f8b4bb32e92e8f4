"""Installs the servers into a cache, from the registries by their ordinary clients."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

HERE = Path(__file__).parent.parent


class Unavailable(Exception):
    """Why something cannot be had here; rows that need it are skipped with this text."""


def run(command, **options):
    """Runs a command and returns what it printed.

    Raises `Unavailable` with its first error, or its last line, if it fails.
    """
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=600, **options,
        )
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{' '.join(command[:3])}` took more than ten minutes") from None
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or ["no output"]
        why = next((line for line in lines if re.search("error", line, re.I)), lines[-1])
        raise Unavailable(f"`{' '.join(command[:3])}` failed: {why}")
    return done.stdout


class Cache:
    """The folder that everything is installed into. Each installation is done once.

    Without a network (`offline`) what was not installed before is not there, for the reason noted then.
    """

    def __init__(self, folder, offline):
        self.folder, self.offline, self.tried = folder, offline, set()
        folder.mkdir(parents=True, exist_ok=True)
        # Two runs of the suite do not install at the same time.
        self.lock = (folder / "lock").open("w")
        if not offline:
            fcntl.flock(self.lock, fcntl.LOCK_EX)

    def release(self):
        """Lets another run install."""
        self.lock.close()

    def _once(self, name, inputs, install):
        """Installs into the folder `name` unless it was made from the same inputs already."""
        folder = self.folder / name
        wanted = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
        done = folder / ".installed"
        if done.exists() and done.read_text() == wanted:
            return folder
        failed = self.folder / f"{name}.failed"
        if self.offline or name in self.tried:
            raise Unavailable(failed.read_text() if failed.exists() else f"{name} is not installed")
        self.tried.add(name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"installing {name}", file=sys.stderr, flush=True)
        try:
            install(folder)
        except Unavailable as reason:
            failed.write_text(str(reason))
            raise
        failed.unlink(missing_ok=True)
        done.write_text(wanted)
        return folder

    def npm(self):
        """The folder `node_modules` with what package-lock.json names."""
        files = [HERE / "package.json", HERE / "package-lock.json"]

        def install(folder):
            for file in files:
                shutil.copy(file, folder)
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)

        return self._once("npm", [f.read_text() for f in files], install) / "node_modules"

    def python(self):
        """The interpreter of an environment with what requirements.txt names."""
        requirements = HERE / "requirements.txt"

        def install(folder):
            run([sys.executable, "-m", "venv", str(folder)])
            run([f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check",
                 "--no-deps", "-r", str(requirements)])

        inputs = [requirements.read_text(), sys.version]
        return self._once("python", inputs, install) / "bin" / "python"

    def debian(self, packages):
        """A folder with the files of Debian packages and of what they need beyond this system's.

        The packages are unpacked and not installed: nothing outside of the cache changes.
        """
        name = "debian-" + "+".join(packages)

        def install(folder):
            # Lines such as: 'address' name_1%3a1.2-3_amd64.deb 123 SHA256:…
            try:
                plan = self._plan(packages)
            except Unavailable:
                # The lists may be old or absent.
                run(["apt-get", "update", "-qq"])
                plan = self._plan(packages)
            versions = {}
            for line in plan.splitlines():
                found = re.match(r"'[^']*' ([^ _]+)_([^ _]+)_\S+\.deb \d+", line)
                if found:
                    versions[found[1]] = unquote(found[2])
            downloads = folder / "downloads"
            downloads.mkdir()
            for package, version in versions.items():
                run(["apt-get", "download", "-qq", f"{package}={version}"], cwd=downloads)
            for file in sorted(downloads.iterdir()):
                run(["dpkg-deb", "-x", str(file), str(folder / "root")])
            (folder / "root").mkdir(exist_ok=True)
            (folder / "versions.json").write_text(json.dumps(versions))
            shutil.rmtree(downloads)

        return self._once(name, packages, install)

    @staticmethod
    def _plan(packages):
        command = ["apt-get", "install", "--print-uris", "-qq", "--no-install-recommends"]
        return run([*command, *packages])


def debian_version(folder, package):
    """The version of a package: the one unpacked, or the one of this system."""
    versions = json.loads((folder / "versions.json").read_text())
    if package in versions:
        return versions[package]
    return run(["dpkg-query", "-W", "-f", "${Version}", package]).strip()


def npm_version(package):
    return json.loads((HERE / "package.json").read_text())["dependencies"][package]


def python_version(package):
    found = re.search(rf"^{package}==(.+)$", (HERE / "requirements.txt").read_text(), re.M)
    return found[1]


def find_program(folder, name):
    """The path of a program: unpacked, or of this system."""
    for directory in ("usr/sbin", "usr/bin", "usr/lib/rabbitmq/bin"):
        path = folder / "root" / directory / name
        if path.exists():
            return str(path)
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path
