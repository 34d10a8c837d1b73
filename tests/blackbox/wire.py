# SPDX-License-Identifier: MIT
"""The client's side of the protocol: messages as bytes, and a socket whose waits are bounded."""

import random
import select
import socket
import struct
import time

HEADER = struct.Struct("!II")
MAX_PAYLOAD = 1016
# The longest wait on a slow machine. Every wait ends at its event.
TIMEOUT = 20.0


def message(payload=b"", kind=0):
    """One complete message."""
    return HEADER.pack(kind, len(payload)) + payload


def header(size, kind=0):
    """A header with `size`, valid or not."""
    return HEADER.pack(kind, size)


def random_messages(seed, count, largest=MAX_PAYLOAD):
    """`count` messages of random type, size and payload; the same for the same seed."""
    rng = random.Random(seed)
    sizes = (rng.randint(0, largest) for _ in range(count))
    return [message(rng.randbytes(size), rng.getrandbits(32)) for size in sizes]


def expected_echoes(data):
    """The expected echoes of `data`: its complete messages up to an invalid header."""
    at = 0
    while at + HEADER.size <= len(data):
        size = HEADER.unpack_from(data, at)[1]
        if size > MAX_PAYLOAD or at + HEADER.size + size > len(data):
            break
        at += HEADER.size + size
    return data[:at]


def random_pieces(seed, data, largest):
    """`data` cut into pieces of 1 to `largest` bytes."""
    rng = random.Random(seed)
    at = 0
    while at < len(data):
        end = at + rng.randint(1, largest)
        yield data[at:end]
        at = end


def family_of(address):
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def wait_for_socket(sock, events, seconds):
    """The poll(2) events of `sock` within `seconds`; 0: none."""
    poll = select.poll()  # select(2) ends at descriptor 1024
    poll.register(sock, events)
    ready = poll.poll(seconds * 1000)
    return ready[0][1] if ready else 0


class Client:
    """A connection to the daemon. A failed expectation raises AssertionError."""

    def __init__(self, address, source=None, receive_buffer=None):
        self.socket = socket.socket(family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        if receive_buffer is not None:  # before connect(2), which negotiates the window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a reset instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, size):
        """Exactly `size` bytes."""
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece, f"end of file after {len(data)} of {size} bytes"
            data += piece
        return bytes(data)

    def receive_until_eof(self):
        """All data before the daemon's FIN. A reset raises."""
        data = bytearray()
        while piece := self.socket.recv(1 << 18):
            data += piece
        return bytes(data)

    def echo(self, data=None):
        """One round trip."""
        data = message(b"ping") if data is None else data
        self.send(data)
        assert self.receive(len(data)) == data

    def exchange(self, pieces, half_close=False):
        """Sends all pieces and receives at the same time. Returns as many bytes as were sent.

        With `half_close`, returns all bytes until end of file instead.
        """
        todo = list(reversed(list(pieces)))
        wanted = sum(map(len, todo))
        got = bytearray()
        rest = b""
        self.socket.setblocking(False)
        try:
            while True:
                if not todo and not rest:
                    if half_close:
                        self.socket.settimeout(TIMEOUT)
                        self.half_close()
                        return bytes(got) + self.receive_until_eof()
                    if len(got) >= wanted:
                        return bytes(got)
                output = select.POLLOUT if todo or rest else 0
                ready = wait_for_socket(self.socket, select.POLLIN | output, TIMEOUT)
                assert ready, f"stalled at {len(got)} of {wanted} bytes"
                if ready & ~select.POLLOUT:
                    piece = self.socket.recv(1 << 18)
                    assert piece, f"end of file after {len(got)} of {wanted} bytes"
                    got += piece
                if ready & select.POLLOUT:
                    rest = rest or todo.pop()
                    rest = rest[self.socket.send(rest) :]
        finally:
            self.socket.settimeout(TIMEOUT)

    def flood(self, data, start=0):
        """Sends `data` repeatedly, from byte `start` on, without reading, until send(2) would
        block. Returns the number of bytes sent plus `start`."""
        sent = start
        self.socket.setblocking(False)
        try:
            while True:
                sent += self.socket.send(data[sent % len(data) :])
        except BlockingIOError:
            return sent
        finally:
            self.socket.settimeout(TIMEOUT)

    def has_input(self, seconds=0.0):
        """True when bytes, a FIN or a reset arrive; False after `seconds`."""
        return wait_for_socket(self.socket, select.POLLIN, seconds) != 0

    def wait_until_closed(self):
        """Waits until the daemon closes the connection: "fin" or "reset". Discards received
        bytes."""
        try:
            self.receive_until_eof()
            return "fin"
        except ConnectionError:
            return "reset"

    def is_closed(self):
        """True if the daemon has closed the connection. Discards received bytes."""
        while self.has_input():
            try:
                if not self.socket.recv(1 << 18):
                    return True
            except ConnectionError:
                return True
        return False


def until(moment):
    """Seconds until `moment` of time.monotonic(), at least 0."""
    return max(0.0, moment - time.monotonic())
