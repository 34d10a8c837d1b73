# SPDX-License-Identifier: MIT
"""A client that does the same work in each run, so that the server's work can be counted."""

import contextlib
import socket


def message(payload):
    return (7).to_bytes(4, "big") + payload.to_bytes(4, "big") + b"\x5a" * payload


def _take(connection, expected):
    echo = b""
    while len(echo) < len(expected):
        part = connection.recv(len(expected) - len(echo))
        if not part:
            raise SystemExit("the server closed the connection")
        echo += part
    if echo != expected:
        raise SystemExit("an echo was wrong")


def _connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(port, connections, payload, batch, batches):
    """Sends a batch on each connection, then receives all echoes; `times` times."""
    data = message(payload) * batch
    clients = [_connect(port) for _ in range(connections)]
    try:
        for _ in range(batches):
            for client in clients:
                client.sendall(data)
            for client in clients:
                _take(client, data)
    finally:
        for client in clients:
            client.close()


def churn(port, payload, times):
    """Connect, one message, close, one connection after the other."""
    data = message(payload)
    for _ in range(times):
        with _connect(port) as client:
            client.sendall(data)
            _take(client, data)


@contextlib.contextmanager
def last(port, payload):
    """A last connection that stays open until the end: its echo proves that the server has
    processed everything before it. Work that the server had not done yet would not be counted."""
    data = message(payload)
    with _connect(port) as client:
        client.sendall(data)
        _take(client, data)
        yield
