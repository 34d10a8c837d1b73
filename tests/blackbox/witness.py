# SPDX-License-Identifier: MIT
"""An echo server that logs each message with its times, and delays echoes as a test requests. It
shares no code with echod or echoload: its log is what their figures are compared with."""

import contextlib
import heapq
import math
import selectors
import socket
import struct
import threading
import time

HEADER = struct.Struct("!II")
WAIT = 30  # seconds; only a hang takes as long


class Served:
    """A message in the log: its connection, its length with the header, and by time.monotonic()
    the time just after its last byte was read and the time just before its echo was passed to the
    kernel (None: never). The client's latency is never shorter than the time between them."""

    def __init__(self, connection, length, read):
        self.connection = connection
        self.length = length
        self.read = read
        self.echoed = None

    @property
    def delay(self):
        return self.echoed - self.read


class Connection:
    def __init__(self, number, stream):
        self.number = number
        self.stream = stream
        self.pending = bytearray()  # of a message that is incomplete
        self.closed = False


class Witness:
    """A server in a thread of its own.

    `hold(message)` is the number of seconds for which it holds a message, and sees its connection's
    number and the time at which it was read. `on_accept(number)` is called for each connection.
    """

    def __init__(self, hold=lambda message: 0, on_accept=lambda number: None, address="127.0.0.1",
                 port=0):  # fmt: skip
        self.hold = hold
        self.on_accept = on_accept
        self.log = []
        self.accepted = []  # when, from which address, and to which
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.wake, self.waker = socket.socketpair()
        self.held = []  # (when, order, connection, message, bytes)
        self.order = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def target(self):
        host = self.listener.getsockname()[0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def _run(self):
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.selector.register(self.wake, selectors.EVENT_READ, self)
        while True:
            wait = None if not self.held else max(0, self.held[0][0] - time.monotonic())
            for key, _ in self.selector.select(wait):
                if key.data is self:
                    return
                if key.data is None:
                    self._accept()
                elif not key.data.closed:
                    self._read(key.data)
            self._echo_due()

    def _accept(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                stream, address = self.listener.accept()
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                number = len(self.accepted)
                self.accepted.append((time.monotonic(), address, stream.getsockname()))
                self.on_accept(number)
                connection = Connection(number, stream)
                self.selector.register(stream, selectors.EVENT_READ, connection)

    def _close(self, connection):
        if not connection.closed:
            connection.closed = True
            self.selector.unregister(connection.stream)
            connection.stream.close()

    def _read(self, connection):
        try:
            data = connection.stream.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        now = time.monotonic()
        connection.pending += data
        while len(connection.pending) >= HEADER.size:
            length = HEADER.size + HEADER.unpack_from(connection.pending)[1]
            if len(connection.pending) < length:
                break
            message = Served(connection.number, length, now)
            self.log.append(message)
            self.order += 1
            echo = bytes(connection.pending[:length])
            entry = (now + self.hold(message), self.order, connection, message, echo)
            heapq.heappush(self.held, entry)
            del connection.pending[:length]

    def _echo_due(self):
        due = time.monotonic()
        while self.held and self.held[0][0] <= due:
            _, _, connection, message, echo = heapq.heappop(self.held)
            if connection.closed:
                continue
            try:
                connection.stream.setblocking(True)
                connection.stream.settimeout(WAIT)
                now = time.monotonic()
                connection.stream.sendall(echo)
                message.echoed = now
            except OSError:
                self._close(connection)

    def close(self):
        """Closes the listener and all connections."""
        if not self.thread.is_alive():
            return
        self.waker.send(b"x")
        self.thread.join(WAIT)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.waker.close()

    def echoed(self):
        return [message for message in self.log if message.echoed is not None]

    def percentile(self, percent):
        """Of the delays in the log, by nearest rank."""
        return nearest_rank((message.delay for message in self.echoed()), percent)

    def longest_percentile(self, percent):
        """Of the longest latency that each message can have had with one in flight: from just
        before the echo before it to just after the message after it."""
        streams = {}
        for message in self.echoed():
            streams.setdefault(message.connection, []).append(message)
        return nearest_rank(
            (after.read - before.echoed
             for stream in streams.values()
             for before, after in zip(stream, stream[2:], strict=False)),
            percent,
        )  # fmt: skip


def nearest_rank(values, percent):
    values = sorted(values)
    return values[max(0, math.ceil(percent / 100 * len(values) - 1e-9) - 1)]


@contextlib.contextmanager
def witness(*args, **options):
    server = Witness(*args, **options)
    server.thread.start()
    try:
        yield server
    finally:
        server.close()
