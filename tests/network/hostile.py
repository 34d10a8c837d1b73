# SPDX-License-Identifier: MIT
"""Misbehaving clients, each in a thread, until stop() is called."""

import contextlib
import random
import socket
import struct
import threading

from wire import header, message


class Hostile(threading.Thread):
    """`kind` names a method below; `width` connections at a time, repeatedly."""

    KINDS = ("slow_reader", "never_reads", "dribbler", "half_header", "garbage", "resets", "idler")

    def __init__(self, kind, address, seed, width=10):
        super().__init__(daemon=True)
        self.act = getattr(self, kind)
        self.address = address
        self.rng = random.Random(seed)
        self.width = width
        self.stopping = threading.Event()
        self.rounds = 0
        self.fault = None

    def run(self):
        try:
            while not self.stopping.is_set():
                with contextlib.ExitStack() as stack:
                    self.act([stack.enter_context(self.connect()) for _ in range(self.width)])
                self.rounds += 1
        except BaseException as error:  # raised by stop(), in the calling thread
            self.fault = error

    def stop(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive(), "a hostile client hangs"
        if self.fault is not None:
            raise self.fault

    def connect(self):
        one = socket.socket(socket.AF_INET if ":" not in self.address[0] else socket.AF_INET6)
        one.settimeout(30)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(self.address)
        return one

    def pause(self, seconds):
        self.stopping.wait(seconds)

    @staticmethod
    def send(one, data):
        """Sends as much as possible without blocking; ignores errors."""
        with contextlib.suppress(OSError):
            one.setblocking(False)
            one.send(data)

    @staticmethod
    def read(one, most):
        with contextlib.suppress(OSError):
            one.setblocking(False)
            one.recv(most)

    def slow_reader(self, clients):
        for _ in range(40):
            for one in clients:
                self.send(one, message(b"s" * 900) * 20)
                self.read(one, 1)
            self.pause(0.05)

    def never_reads(self, clients):
        for _ in range(20):
            for one in clients:
                self.send(one, message(b"n" * 1016) * 100)
            self.pause(0.1)

    def dribbler(self, clients):
        data = message(b"d" * 30)
        for byte in data:
            for one in clients:
                self.send(one, bytes([byte]))
            self.pause(0.05)

    def half_header(self, clients):
        for one in clients:
            self.send(one, header(10)[: self.rng.randrange(1, 8)])
        self.pause(1)

    def garbage(self, clients):
        for one in clients:
            self.send(one, message(b"ok") + header(self.rng.randrange(1017, 1 << 32)))
            self.send(one, self.rng.randbytes(5000))
        self.pause(0.1)

    def resets(self, clients):
        for one in clients:
            self.send(one, message(b"r" * self.rng.randrange(1000)) * 5)
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.pause(0.05)

    def idler(self, clients):
        del clients
        self.pause(1)
