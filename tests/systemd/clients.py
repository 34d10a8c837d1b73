# SPDX-License-Identifier: MIT
"""Clients of the daemon, with sockets created by a Machine."""

import struct
import threading

from machine import TIMEOUT


def message(kind, payload):
    """A message of echod-protocol(7)."""
    return struct.pack("!II", kind, len(payload)) + payload


def receive(client, size):
    """Exactly `size` bytes, or fewer if the peer closes before."""
    data = b""
    while len(data) < size and (chunk := client.recv(size - len(data))):
        data += chunk
    return data


def echoes(client, payload=b"ping"):
    """True if one message is echoed unchanged."""
    sent = message(7, payload)
    client.sendall(sent)
    return receive(client, len(sent)) == sent


def is_closed(client):
    """True if the peer closes the connection without sending a byte."""
    return client.recv(1) == b""


class Callers:
    """Threads that connect, echo once and close, repeatedly."""

    def __init__(self, machine, threads=8):
        self.machine = machine
        self.served = self.cut_off = 0
        self.refused = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._progress = threading.Condition(self._lock)
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]
        self.threads = threads

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def _call(self):
        while not self._stop.is_set():
            try:
                client = self.machine.connect()
            except OSError as error:
                with self._lock:
                    self.refused.append(repr(error))
                return
            with client:
                try:
                    served = echoes(client)
                except OSError:
                    served = False
            with self._progress:
                self.served += served
                self.cut_off += not served
                self._progress.notify_all()

    def wait_for_more(self, count):
        with self._progress:
            goal = self.served + count
            assert self._progress.wait_for(lambda: self.served >= goal or self.refused, TIMEOUT)
