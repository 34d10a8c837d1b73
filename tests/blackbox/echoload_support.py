# SPDX-License-Identifier: MIT
"""Runs echoload, and implements its servers: correct and faulty ones."""

import contextlib
import json
import math
import os
import pathlib
import socket
import struct
import subprocess
import threading

import jsonschema

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD_DIR = pathlib.Path(os.environ.get("ECHOD_BUILD_DIR", REPOSITORY / "build"))
ECHOLOAD = BUILD_DIR / "client" / "echoload"

SCHEMA = json.loads((REPOSITORY / "client/report/result.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Only a hang takes this long, even with a sanitized build on a busy machine.
HANG_TIMEOUT = 60


def result_of(text):
    """A result that echoload wrote as JSON. It conforms to the published schema."""
    result = json.loads(text)
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(result)]
    assert errors == []
    return result


def kept_waiting(result):
    """The longest time, in seconds, for which a loop of that run had no processor or was busy: its
    own part of a length of time."""
    keys = ("longest_gap_ns", "longest_turn_ns", "lag_max_ns")
    return max([loop[key] or 0 for loop in result["loops"] for key in keys], default=0) / 1e9


def nearest_rank(buckets, percent, largest):
    """The percentile of the samples that {upper edge: count} has."""
    wanted = math.ceil(percent * sum(buckets.values()) / 100 - 1e-9)
    for edge in sorted(buckets):
        wanted -= buckets[edge]
        if wanted <= 0:
            return min(edge, largest)
    raise AssertionError("there are fewer")


class Ended:
    """The output of a finished echoload."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"

    @property
    def json(self):
        return result_of(self.out)


def echoload(*args, preexec_fn=None):
    """Runs echoload to its end."""
    done = subprocess.run(
        [str(ECHOLOAD), *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_TIMEOUT,
        check=False,
        preexec_fn=preexec_fn,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def start_echoload(*args):
    """Starts echoload and leaves it running."""
    return subprocess.Popen(
        [str(ECHOLOAD), *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def closes_first(count=1):
    """A handler that ends the first `count` connections in the middle of a message."""

    def handler(connection, number):
        if number < count:
            connection.recv(1)
        else:
            echo_back(connection, number)

    return handler


@contextlib.contextmanager
def serve(handler, family=socket.AF_INET, address=("127.0.0.1", 0), backlog=1024):
    """A server that calls handler(connection, number) in a thread for each connection, numbered
    from 0 in the order of accept; yields its target. The connection is closed after the handler."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for a server that returns
    listener.bind(address)
    listener.listen(backlog)
    threads = []
    connections = []
    stopping = threading.Event()

    def one(connection, number):
        with connection:
            try:
                handler(connection, number)
            except OSError:
                pass  # the client has disconnected

    def accept_all():
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if stopping.is_set():
                connection.close()
                return
            connections.append(connection)
            thread = threading.Thread(target=one, args=(connection, number), daemon=True)
            threads.append(thread)
            thread.start()
            number += 1

    acceptor = threading.Thread(target=accept_all, daemon=True)
    acceptor.start()
    try:
        yield target_of(listener)
    finally:
        stopping.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        acceptor.join(HANG_TIMEOUT)
        for thread in threads:
            thread.join(HANG_TIMEOUT)


def target_of(listener):
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"


@contextlib.contextmanager
def refusing_port():
    """The target of a port that is bound but does not listen."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield target_of(holder)


def received(connection):
    """The received data, until end of file."""
    while True:
        data = connection.recv(65536)
        if not data:
            return
        yield data


def echo_back(connection, _number=0):
    for data in received(connection):
        connection.sendall(data)


def echoes_after(seconds):
    """A server that holds everything back for that long."""

    def handler(connection, _number):
        for data in received(connection):
            threading.Event().wait(seconds)
            connection.sendall(data)

    return handler


def keeps(streams):
    """A correct server that appends the stream of each connection to `streams`."""

    def handler(connection, _number=0):
        stream = b""
        for data in received(connection):
            stream += data
            connection.sendall(data)
        streams.append(stream)

    return handler


def byte_by_byte(connection, _number=0):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for data in received(connection):
        for byte in data:
            connection.send(bytes([byte]))


def mute(connection, _number=0):
    for _ in received(connection):
        pass


def flips_a_bit(at):
    """Flips the lowest bit of byte `at` of each connection's stream."""

    def handler(connection, _number=0):
        seen = 0
        for data in received(connection):
            data = bytearray(data)
            if seen <= at < seen + len(data):
                data[at - seen] ^= 1
            seen += len(data)
            connection.sendall(data)

    return handler


def adds(extra):
    """Appends `extra` to each echo."""

    def handler(connection, _number=0):
        for data in received(connection):
            connection.sendall(data + extra)

    return handler


def closes_after(count):
    """Echoes `count` bytes, then closes the connection with a FIN, with all input read."""

    def handler(connection, _number=0):
        left = count
        for data in received(connection):
            connection.sendall(data[:left])
            left -= len(data)
            if left <= 0:
                return

    return handler


def resets(connection, _number=0):
    """Resets the connection when its first bytes arrive."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def messages(connection):
    """The complete messages received, until end of file."""
    stream = b""
    for data in received(connection):
        stream += data
        while len(stream) >= 8:
            length = 8 + struct.unpack("!I", stream[4:8])[0]
            if len(stream) < length:
                break
            yield stream[:length]
            stream = stream[length:]
