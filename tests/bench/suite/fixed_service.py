# SPDX-License-Identifier: MIT
"""An echo server that takes the same time for each message, one after the other, and what queueing
theory says of it where messages arrive at random (M/D/1)."""

import contextlib
import select
import socket
import struct
import threading
import time

SPIN = 0.0003  # seconds: a sleep ends late by about that


class _Connection:
    def __init__(self, sock):
        self.sock = sock
        self.stream = b""

    def messages(self):
        self.stream += self.sock.recv(65536)
        while len(self.stream) >= 8:
            length = 8 + struct.unpack("!I", self.stream[4:8])[0]
            if len(self.stream) < length:
                return
            yield self.stream[:length]
            self.stream = self.stream[length:]


def _wait_until(when):
    while (left := when - time.perf_counter()) > 0:
        if left > SPIN:
            time.sleep(left - SPIN)


def _serve(listener, service):
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    connections = {}
    free = 0.0  # when the message before is done
    while True:
        ready = poller.poll(0)
        is_idle = not ready
        ready = ready or poller.poll()
        now = time.perf_counter()
        for fd, _ in ready:
            if fd not in connections:
                try:
                    sock, _address = listener.accept()
                except OSError:
                    return  # stopped
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[sock.fileno()] = _Connection(sock)
                poller.register(sock, select.POLLIN)
                continue
            try:
                for message in connections[fd].messages():
                    # What waited when the last message was done has come before that.
                    begin = max(now, free) if is_idle or now - free > service else free
                    free = begin + service
                    _wait_until(free)
                    connections[fd].sock.sendall(message)
                    is_idle = False
                    now = free
                if connections[fd].sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b"":
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            poller.unregister(fd)
            connections.pop(fd).sock.close()


@contextlib.contextmanager
def server(service):
    """Serves with `service` seconds a message; yields the target."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        thread = threading.Thread(target=_serve, args=(listener, service), daemon=True)
        thread.start()
        try:
            yield "127.0.0.1:{}".format(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def mean_response(rate, service):
    """Pollaczek and Khinchine, in seconds."""
    load = rate * service
    return service + load * service / (2 * (1 - load))


def rate_of_mean(mean, service):
    """The rate at which the mean response is that long."""
    wait = mean / service - 1  # in service times: load / (2 (1 - load))
    return 2 * wait / (1 + 2 * wait) / service
