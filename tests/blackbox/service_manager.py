# SPDX-License-Identifier: MIT
"""A service manager that stores descriptors for the new process (sd_pid_notify_with_fds(3))."""

import os
import socket
import threading
from pathlib import Path

from echod_daemon import Notifications, launched, parse_addresses
from wire import TIMEOUT

NAMES = 3  # connections, their state, listeners


class ServiceManager(Notifications):
    """`room`: FileDescriptorStoreMax=; further descriptors are dropped silently, like systemd does.
    `answers`: how many barriers are answered; the others are answered by answer()."""

    def __init__(self, room=16, answers=1 << 30):
        self.changed = threading.Condition()
        self.room = room
        self.answers = answers
        self.store = []  # (name, descriptor) in the order of arrival
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
        elif "BARRIER" in fields:
            self.answers -= 1
            if self.answers < 0:
                self._barriers += fds
                return
        for fd in fds:
            os.close(fd)

    def names(self):
        """The names of the stored descriptors."""
        return [name for name, _ in self.store]

    def wait_until_empty(self):
        """Waits until the store is empty and FDSTOREREMOVE has arrived for each name."""

        def removed_all():
            return sum("FDSTOREREMOVE" in text for text in self.datagrams) >= NAMES

        with self._changed:
            emptied = self._changed.wait_for(lambda: not self.store and removed_all(), TIMEOUT)
            assert emptied, self.names()

    def passing(self, *sockets, options=()):
        """Options of Echod() for the new process: listening sockets, then the stored
        descriptors."""
        fds = [one.fileno() for one in sockets] + [fd for _, fd in self.store]
        names = ["unit" for _ in sockets] + self.names()
        numbers = ",".join(map(str, fds))
        prefix = launched(
            *options, "--sockets", numbers, "--env", "LISTEN_FDNAMES=" + ":".join(names)
        )
        return {"prefix": prefix, "fds": tuple(fds), "manager": self}

    def answer(self):
        """Answers all barriers from now on, and those that were not answered."""
        with self._changed:
            self.answers = 1 << 30
            for fd in self._barriers:
                os.close(fd)
            self._barriers = []

    def close(self):
        super().close()
        for fd in [fd for _, fd in self.store] + self._barriers:
            os.close(fd)


class UnresponsiveManager(ServiceManager):
    """Reads nothing until read() is called."""

    def __init__(self, **options):
        self._reading = threading.Event()
        super().__init__(**options)

    def read(self):
        self._reading.set()

    def close(self):
        self.read()
        super().close()

    def _collect(self):
        self._reading.wait()
        super()._collect()


def with_full_socket(echod, manager, **options):
    """A daemon whose unresponsive manager has no room for another notification."""
    daemon = echod(manager=manager, wait=False, **options)
    line = daemon.wait_for_line("ready: listening on ")
    daemon.address = parse_addresses(line)[0]
    room = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 1
    for _ in range(room // 2 + 2):  # each sends two notifications
        assert daemon.ask("--reload").returncode == 0
    return daemon
