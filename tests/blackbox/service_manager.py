# SPDX-License-Identifier: MIT
"""A service manager that keeps descriptors for the next process (sd_pid_notify_with_fds(3))."""

import os
import socket
import threading
from pathlib import Path

from echod_daemon import Notifications, launched, parse_addresses
from wire import TIMEOUT

NAMES = 3  # connections, their state, listeners


class ServiceManager(Notifications):
    """`room`: what FileDescriptorStoreMax= is; what comes beyond it is dropped without a word, as
    systemd does. `answers`: whether a barrier is let through."""

    def __init__(self, room=16, answers=True):
        self.changed = threading.Condition()
        self.room = room
        self.answers = answers
        self.store = []  # (name, descriptor) in the order in which they came
        self._barriers = []
        super().__init__(self.changed)

    def _collect(self):
        while True:
            data, fds, _, _ = socket.recv_fds(self._socket, 1 << 16, 253)
            if not data:
                return
            text = data.decode()
            fields = dict(line.partition("=")[::2] for line in text.splitlines())
            with self._changed:
                self._act(fields, fds)
                self.datagrams.append(text)
                self._changed.notify_all()

    def _act(self, fields, fds):
        name = fields.get("FDNAME")
        if "FDSTORE" in fields and len(self.store) + len(fds) <= self.room:
            self.store += [(name, fd) for fd in fds]
            return
        if "FDSTOREREMOVE" in fields:
            fds = [fd for known, fd in self.store if known == name]
            self.store = [entry for entry in self.store if entry[0] != name]
        elif "BARRIER" in fields and not self.answers:
            self._barriers += fds
            return
        for fd in fds:
            os.close(fd)

    def names(self):
        """What the store holds, by name."""
        return [name for name, _ in self.store]

    def wait_until_empty(self):
        """Until it has dropped what was stored, and was told to by each name."""

        def told_all():
            return sum("FDSTOREREMOVE" in text for text in self.datagrams) >= NAMES

        with self._changed:
            assert self._changed.wait_for(lambda: not self.store and told_all(), TIMEOUT), self.names()

    def passing(self, *sockets, options=()):
        """Options of Echod() for the next process: listening sockets and then what is stored."""
        fds = [one.fileno() for one in sockets] + [fd for _, fd in self.store]
        names = ["unit" for _ in sockets] + self.names()
        numbers = ",".join(map(str, fds))
        prefix = launched(
            *options, "--sockets", numbers, "--env", "LISTEN_FDNAMES=" + ":".join(names)
        )
        return {"prefix": prefix, "fds": tuple(fds), "manager": self}

    def close(self):
        super().close()
        for fd in [fd for _, fd in self.store] + self._barriers:
            os.close(fd)


class DeafManager(ServiceManager):
    """Reads nothing before read() is called."""

    def __init__(self, **options):
        self._hears = threading.Event()
        super().__init__(**options)

    def read(self):
        self._hears.set()

    def close(self):
        self.read()
        super().close()

    def _collect(self):
        self._hears.wait()
        super()._collect()


def unheard(echod, manager, **options):
    """A daemon whose manager is deaf and has no room for one notification more."""
    daemon = echod(manager=manager, wait=False, **options)
    line = daemon.wait_for_line("ready: listening on ")
    daemon.address = parse_addresses(line)[0]
    room = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 1
    for _ in range(room // 2 + 2):  # each is told twice: that it begins, and that it is over
        assert daemon.ask("--reload").returncode == 0
    return daemon
