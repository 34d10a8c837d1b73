# SPDX-License-Identifier: MIT
"""A machine for tests: systemd booted in namespaces, see the script `boot`."""

import ctypes
import json
import os
import re
import selectors
import shlex
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema

BOOT = Path(__file__).with_name("boot")
CONFIG = "/etc/echod/echod.toml"
TIMEOUT = 20  # upper limit in seconds for any step; normally much less
CLONE_NEWNET = 0x40000000
SCHEMA = Path(__file__).parents[2] / "client/report/result.schema.json"

# As in src/server/log/log.hpp; test_catalog.py compares the catalog with that file.
MESSAGE_ID = {
    "start": "23c141ce792241b69c1e5ba9a7ce7dbb",
    "start_failed": "8fc97caa7c544892a674eedc872f7a61",
    "ready": "bd354eb4b07b466f9e8a44b021072473",
    "reload": "22a9171c0eb647df82508c626848868b",
    "reload_failed": "ff598b4adb0b444dbd868a20e40d8ed8",
    "stop": "552796d62c5a4914bf1d9f609b83f406",
    "watchdog": "9b12042957b84ebeb91daf634c65538b",
    "limit": "a72f81f0493444958eb1704ea4f3a1e2",
    "statistics": "43be03b64e6c4db99d3c70f713ed0732",
}


def result_of(text):
    """A result that echoload wrote as JSON. It conforms to the published schema."""
    result = json.loads(text)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(result)
    return result


class CannotBoot(Exception):
    """Namespaces are not available."""


class Machine:
    """One boot. Its files are under `root` from outside; `run` runs a command inside."""

    def __init__(self, package=None):
        """`package` is installed before the boot."""
        self._boot = subprocess.Popen(
            [BOOT, *([package] if package else [])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        words = self._boot.stdout.readline().split()
        if words[:1] != ["init"]:
            _, errors = self._boot.communicate(timeout=TIMEOUT)
            raise CannotBoot(errors.strip() or f"{BOOT} ended with {self._boot.returncode}")
        self.init = int(words[1])
        self.root = Path(f"/proc/{self.init}/root")
        # setns(2) moves one thread: sockets created by it belong to the machine.
        self._inside = ThreadPoolExecutor(max_workers=1, initializer=self._enter_network)
        # Installing a package has no time limit.
        self._wait_until_booted(5 * TIMEOUT if package else TIMEOUT)

    def _enter_network(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.init}/ns/net", "rb") as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def _wait_until_booted(self, seconds):
        deadline = time.monotonic() + seconds
        # PID 1's socket answers first; there is no event for it outside.
        while not (self.root / "run/systemd/private").exists():
            if time.monotonic() > deadline or self._boot.poll() is not None:
                raise TimeoutError("systemd did not open /run/systemd/private")
            time.sleep(0.02)
        state = self.run("systemctl is-system-running --wait", check=False).stdout.strip()
        assert state == "running", f"systemd booted to {state}"

    def power_off(self):
        self._inside.shutdown()
        self._boot.stdin.close()
        self._boot.wait(timeout=TIMEOUT)

    def command(self, command):
        words = shlex.split(command) if isinstance(command, str) else [str(w) for w in command]
        return ["nsenter", "--target", str(self.init), "--all", "--wd=/", *words]

    def start(self, command):
        """Starts a command inside; kill() ends it. Uses a session, because nsenter(1) forks."""
        return subprocess.Popen(
            self.command(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )

    def run(self, command, check=True, timeout=TIMEOUT):
        """Runs a command inside; returns the result of subprocess.run()."""
        process = self.start(command)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            stdout, stderr = kill(process)
            raise AssertionError(f"{command}: still runs after {timeout} s\n{stdout}{stderr}")
        if check and process.returncode != 0:
            raise AssertionError(f"{command}: exit {process.returncode}\n{stdout}{stderr}")
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def write(self, path, text):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path):
        return (self.root / path.lstrip("/")).read_text()

    def set_option(self, key, value):
        """Edits one key of the daemon's configuration."""
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", self.read(CONFIG))
        assert count == 1, key
        self.write(CONFIG, text)

    def drop_in(self, unit, text):
        """Adds settings to a unit in a drop-in; they apply from its next start."""
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.run("systemctl daemon-reload")

    def show(self, unit, name):
        return self.run(["systemctl", "show", "--value", "-p", name, unit]).stdout.strip()

    def main_pid(self):
        return int(self.show("echod.service", "MainPID"))

    def outside_pid(self, pid):
        """The process id outside of a process of the machine."""
        namespace = os.readlink(f"/proc/{self.init}/ns/pid")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if os.readlink(status.with_name("ns") / "pid") != namespace:
                    continue
                numbers = [line for line in status.read_text().splitlines() if "NSpid" in line]
            except OSError:
                continue
            if int(numbers[0].split()[-1]) == pid:
                return int(status.parent.name)
        raise ProcessLookupError(pid)

    # The journal.

    def cursor(self):
        """The cursor of the end of the journal."""
        output = self.run("journalctl --quiet -n 1 -o json").stdout
        return json.loads(output)["__CURSOR"]

    # --after-cursor= of journalctl 252 skips the first match if the entry at the cursor does
    # not match itself; hence --cursor= and a check of each entry.

    def entries(self, *matches, after):
        """The entries after a cursor that match journalctl's arguments, as dictionaries."""
        output = self.run(
            ["journalctl", "--quiet", "-o", "json", f"--cursor={after}", *matches]
        ).stdout
        found = [json.loads(line) for line in output.splitlines()]
        return [entry for entry in found if entry["__CURSOR"] != after]

    def wait_for_entry(self, *matches, after, where=lambda entry: True):
        """Waits for the first entry after a cursor that matches."""
        follow = self.start(
            ["journalctl", "-f", "-n", "all", "-o", "json", f"--cursor={after}", *matches]
        )
        try:
            for line in lines_within(follow.stdout, TIMEOUT):
                entry = json.loads(line)
                if entry["__CURSOR"] != after and where(entry):
                    return entry
        finally:
            kill(follow)
        raise AssertionError(f"no entry {matches} within {TIMEOUT} s")

    # Clients.

    def socket(self, family=socket.AF_INET):
        """A socket in the machine's network."""
        return self._inside.submit(socket.socket, family, socket.SOCK_STREAM).result()

    def connect(self, address=("127.0.0.1", 8007), source=None, timeout=TIMEOUT):
        if isinstance(address, str):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            address = str(self.root / address.lstrip("/"))
        else:
            client = self.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        client.settimeout(timeout)
        try:
            if source:
                client.bind((source, 0))
            client.connect(address)
        except OSError:
            client.close()
            raise
        return client


def kill(process):
    """Ends a command of Machine.start() and returns its output."""
    os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()


def lines_within(stream, seconds):
    """The lines of a pipe, until end of file or the timeout."""
    deadline = time.monotonic() + seconds
    buffered = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(max(deadline - time.monotonic(), 0)):
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                return
            *lines, buffered = (buffered + chunk).split(b"\n")
            yield from lines
