# SPDX-License-Identifier: MIT
"""The daemon under test: started with a configuration, watched through what it says and tells."""

import contextlib
import itertools
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from wire import TIMEOUT, Client, until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
ECHOD = BUILD / "src/echod"
PYTHON = [sys.executable, "-S", "-E"]  # quicker: nothing here needs site-packages

# No periodic statistics, and a stop that is quick where a test holds a client that never reacts.
BASE = {
    "listen": {"addresses": ["127.0.0.1"], "port": 0},
    "timeouts": {"drain": "5s"},
    "stats": {"interval": "0s"},
}
NOT_INHERITED = ("NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
GAUGES = ("connections", "waiting")
_numbers = itertools.count()


def to_toml(config):
    lines = []
    for section, keys in config.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def merged(base, changes):
    sections = {**base, **changes}
    return {name: {**base.get(name, {}), **changes.get(name, {})} for name in sections}


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return {**kept, **more}


def run_echod(*arguments, **options):
    """Runs the program to its end: --check-config and the like, or a start that fails."""
    options.setdefault("env", clean_environment())
    return subprocess.run(
        [str(ECHOD), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        **options,
    )


def launched(*options):
    """The start of a command line that changes limits and descriptors: see launch.py."""
    return [*PYTHON, str(HERE / "launch.py"), *options, "--"]


def parse_counters(line):
    """{name: number} of a line of statistics or totals."""
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)(?= |$)", line)}


def parse_addresses(text):
    """What Client() takes, for each address in "listening on ..."."""
    pattern = r"\[([^]]+)\]:(\d+)|(\d+\.\d+\.\d+\.\d+):(\d+)|unix:([^ ,]+)"
    found = []
    for v6, v6_port, v4, v4_port, path in re.findall(pattern, text):
        if path:
            found.append("\0" + path[1:] if path.startswith("@") else path)
        else:
            found.append((v6 or v4, int(v6_port or v4_port)))
    return found


class Notifications:
    """The service manager's end of sd_notify(3): keeps every datagram in order."""

    def __init__(self, changed):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"@echod-test-{os.getpid()}-{next(_numbers)}"
        self._socket.bind("\0" + self.name[1:])
        self._changed = changed
        self.datagrams = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while datagram := self._socket.recv(1 << 16):
            with self._changed:
                self.datagrams.append(datagram.decode())
                self._changed.notify_all()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", "\0" + self.name[1:])
        self._thread.join()
        self._socket.close()


class Echod:
    """A running daemon. The factory fixture `echod` makes them and looks after their end."""

    def __init__(self, directory, config=None, prefix=(), wait=True, stderr=None, fds=(), env=None,
                 control=None, manager=None):
        """`prefix`: a command line that ends in running the daemon. `wait`: for READY=1.
        `stderr`: a descriptor that the daemon gets instead of the pipe that is collected here.
        `manager`: Notifications that outlive the daemon, with a condition `changed`."""
        number = next(_numbers)
        self.config_path = Path(directory) / f"echod-{number}.toml"
        self.control_path = control or Path(directory) / f"control-{number}"
        self.write_config(config or {})
        self._changed = manager.changed if manager else threading.Condition()
        self.lines = []
        self._log_ended = stderr is not None
        self._manager = manager
        self.notifications = manager or Notifications(self._changed)
        self._told_before = len(self.notifications.datagrams)
        self.clients = []
        self.expected_exit = 0
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, str(ECHOD), "--config", self.config_path, "--control", self.control_path],
            env=clean_environment(**{"NOTIFY_SOCKET": self.notifications.name, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE if stderr is None else stderr,
            pass_fds=fds,
        )
        self.pid = self.process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._reader = None
        if stderr is None:
            self._reader = threading.Thread(target=self._collect_log, daemon=True)
            self._reader.start()
        if wait:
            self.wait_until_ready()

    def _collect_log(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode(errors="backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._log_ended = True
            self._changed.notify_all()

    # What it says.

    @property
    def log(self):
        """What it logged, without the middle where that is long."""
        lines = self.lines
        if len(lines) > 60:
            lines = [*lines[:20], f"... {len(lines) - 60} lines ...", *lines[-40:]]
        return "\n".join(lines)

    def wait_for(self, predicate, what, timeout=TIMEOUT):
        """What predicate() returns, as soon as that is true; it is asked again at each log line and
        notification."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (result := predicate()):
                left = until(deadline)
                if left == 0 or (self._log_ended and self._has_ended()):
                    ended = "; it has ended" if self._has_ended() else ""
                    raise AssertionError(f"waited for {what}{ended}; the log:\n{self.log}")
                self._changed.wait(min(left, 0.1) if self._log_ended else left)
        return result

    def _has_ended(self, timeout=0.0):
        """True where the process is gone, or goes within `timeout`; it is not reaped."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def find_line(self, pattern, after=0):
        return next((line for line in self.lines[after:] if re.search(pattern, line)), None)

    def wait_for_line(self, pattern, timeout=TIMEOUT, after=0):
        """The first line of the log, not counting `after` lines, in which `pattern` is found."""
        return self.wait_for(lambda: self.find_line(pattern, after), f"/{pattern}/", timeout)

    def lines_with(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def wait_for_notification(self, pattern, timeout=TIMEOUT, after=0):
        def find():
            later = self.notifications.datagrams[after:]
            return next((d for d in later if re.search(pattern, d, re.MULTILINE)), None)

        return self.wait_for(find, f"the notification /{pattern}/", timeout)

    def wait_until_ready(self):
        ready = self.wait_for_notification("^READY=1$", after=self._told_before)
        self.addresses = parse_addresses(ready)
        assert self.addresses, f"no address in {ready!r}"
        self.address = self.addresses[0]

    # What it counts.

    def statistics(self):
        """Asks with SIGUSR1: the counters since the start (the sum of all lines), gauges of now."""
        lines = len(self.lines)
        self.send_signal(signal.SIGUSR1)
        self.wait_for_line("statistics of", after=lines)
        return self.counted()

    def counted(self):
        """What the lines of statistics up to now sum up to; gauges are those of the last one."""
        sums = {}
        for line in self.lines_with("statistics of"):
            counters = parse_counters(line)
            for name, number in counters.items():
                sums[name] = number if name in GAUGES else sums.get(name, 0) + number
            for gauge in GAUGES:
                sums[gauge] = counters.get(gauge, 0)
        return sums

    def wait_for_statistics(self, predicate, what, timeout=TIMEOUT):
        """Asks again and again until predicate(counters) is true; those counters."""
        deadline = time.monotonic() + timeout
        pause = 0.002
        while not predicate(counters := self.statistics()):
            assert until(deadline) > 0, f"waited for {what}, is {counters}; log:\n{self.log}"
            time.sleep(pause)  # no event tells of a counter: it has to be asked for
            pause = min(2 * pause, 0.1)
        return counters

    def wait_for_counters(self, timeout=TIMEOUT, **expected):
        """Waits until every counter named has its value; a counter that was not told of is 0."""

        def reached(counters):
            return all(counters.get(name, 0) == value for name, value in expected.items())

        return self.wait_for_statistics(reached, str(expected), timeout)

    def totals(self):
        """The counters of the last line, after the end."""
        line = self.find_line("totals of")
        assert line, f"no line of totals; the log:\n{self.log}"
        return parse_counters(line)

    # What it uses.

    def _status(self, field):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE).group(1))

    def resident_kib(self):
        return self._status("VmRSS")

    def sleeps(self):
        """How often it has gone to sleep, so also how often it was woken."""
        return self._status("voluntary_ctxt_switches")

    def cpu_seconds(self):
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def open_descriptors(self):
        """To be asked for after a round trip: a notification that is just told holds one more."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # What it is told to do.

    def connect(self, address=None, **options):
        client = Client(address or self.address, **options)
        self.clients.append(client)
        return client

    def flood_until_stalled(self, client, data):
        """The client sends `data` again and again, and reads nothing, until the buffers between
        here and there are full and the daemon holds bytes that it cannot send. The bytes sent."""
        stalls = self.statistics().get("stalls", 0)
        sent = client.flood(data)
        while self.statistics().get("stalls", 0) == stalls:
            sent = client.flood(data, sent)
        return sent

    def ask(self, *arguments):
        """Asks it through its control socket: --status and the like."""
        return run_echod(*arguments, "--control", self.control_path)

    def send_signal(self, number):
        self.process.send_signal(number)

    @contextlib.contextmanager
    def paused(self):
        """Stopped by SIGSTOP: what happens meanwhile is all there when it wakes up."""
        self.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self.send_signal(signal.SIGCONT)

    def write_config(self, config):
        self.write_config_text(to_toml(merged(BASE, config)))

    def write_config_text(self, text):
        self.config_path.write_text(text)

    def reload_soon(self, config):
        """Writes the configuration and asks for the reload, without waiting for it."""
        self.write_config(config)
        self.send_signal(signal.SIGHUP)

    def reload(self, config):
        """Writes the configuration and waits until the reload is over, well or not."""
        told = len(self.notifications.datagrams)
        self.reload_soon(config)
        self.wait_for_notification("^READY=1$", after=told)

    def stop(self, number=signal.SIGTERM):
        """Stops it; the exit status."""
        self.send_signal(number)
        return self.wait()

    def wait(self, timeout=TIMEOUT):
        """Waits for its end, and for that of its log; the exit status."""
        assert self._has_ended(timeout), f"still runs after {timeout} s; the log:\n{self.log}"
        status = self.process.wait()
        if self._reader:
            self._reader.join(TIMEOUT)
        return status

    @property
    def running(self):
        return self.process.returncode is None and self.process.poll() is None

    def finish(self):
        """The end of every test: it must still stop as asked, and its sums must be right."""
        for client in self.clients:
            client.close()
        try:
            status = self.stop() if self.running else self.wait()
            assert status == self.expected_exit, f"exit status {status}; the log:\n{self.log}"
            if self.find_line("totals of"):
                self.check_totals()
            elif self._reader and status == 0:
                assert not self.find_line("statistics of"), f"no totals; the log:\n{self.log}"
        finally:
            if self.running:
                self.process.kill()
                self.process.wait()
            if self._reader:
                self._reader.join(TIMEOUT)
                self.process.stderr.close()
            os.close(self._pidfd)
            if not self._manager:
                self.notifications.close()

    def check_totals(self):
        """What always holds at the end, whatever happened before."""
        totals = self.totals()

        def of(name):
            return totals.get(name, 0)

        reasons = [name for name in totals if name.startswith("closed_")]
        assert of("connections") == 0, totals
        assert of("accepted") + of("restored") == of("closed"), totals
        assert of("closed") == sum(totals[name] for name in reasons), totals
        for kind in ("messages", "bytes"):
            came = of(f"{kind}_in") + of(f"{kind}_restored")
            went = of(f"{kind}_out") + of(f"{kind}_dropped") + of(f"{kind}_parked")
            assert came == went, totals
        parts = self.counted()
        beyond = {n: v for n, v in parts.items() if n not in GAUGES and v > of(n)}
        assert not beyond, f"the lines sum up to more than the totals: {beyond}, {totals}"
