# SPDX-License-Identifier: MIT
"""A bad network between a client and the daemon: a proxy that delays, splits, cuts or drops
data."""

import contextlib
import random
import selectors
import socket
import struct
import threading
import time


class Proxy:
    """Forwards between its own port and `target`. Each piece has at most `piece` bytes and is
    delayed by up to `delay` seconds. After `cut_after` bytes of a connection in both directions,
    `cut` applies: "reset" or "fin" closes it, "black-hole" forwards nothing more and keeps it
    open."""

    def __init__(self, target, piece=65536, delay=0.0, cut_after=None, cut="reset", seed=1):
        self.target = target
        self.piece = piece
        self.delay = delay
        self.cut_after = cut_after
        self.cut = cut
        self.rng = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = self.listener.getsockname()
        self.cuts = 0
        self.forwarded = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(30)
        self.listener.close()

    def _run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ, None)
            links = []
            while not self._stopping.is_set():
                busy = False
                for key, _ in selector.select(0.05):
                    if key.data is None:
                        links.append(self._accept(selector))
                    else:
                        self._read(selector, *key.data)
                now = time.monotonic()
                for link in links:
                    busy |= self._forward(selector, link, now)
                links = [link for link in links if not link["closed"]]
                if busy:
                    time.sleep(0.001)
            for link in links:
                self._close(selector, link)

    def _accept(self, selector):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.target)
        link = {"ends": (client, server), "queues": ([], []), "bytes": 0, "closed": False,
                "black_hole": False, "finished": [False, False]}  # fmt: skip
        for side, one in enumerate(link["ends"]):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ, (link, side))
        return link

    def _read(self, selector, link, side):
        if link["closed"] or len(link["queues"][side]) > 100:
            return
        one = link["ends"][side]
        try:
            data = one.recv(self.rng.randint(1, self.piece))
        except BlockingIOError:
            return
        except OSError:
            self._close(selector, link)
            return
        due = time.monotonic() + self.rng.random() * self.delay
        link["queues"][side].append([due, data])
        if not data:
            selector.unregister(one)

    def _forward(self, selector, link, now):
        """Forwards due pieces; True while there are more."""
        for side in (0, 1):
            queue, to = link["queues"][side], link["ends"][1 - side]
            while queue and queue[0][0] <= now and not link["closed"] and not link["black_hole"]:
                data = queue[0][1]
                try:
                    if not data:
                        to.shutdown(socket.SHUT_WR)
                        link["finished"][side] = True
                        queue.pop(0)
                        continue
                    sent = to.send(data)
                except BlockingIOError:
                    break
                except OSError:
                    self._close(selector, link)
                    break
                link["bytes"] += sent
                self.forwarded += sent
                if sent < len(data):
                    queue[0][1] = data[sent:]
                else:
                    queue.pop(0)
                if self.cut_after is not None and link["bytes"] >= self.cut_after:
                    self._cut(selector, link)
        if all(link["finished"]) and not link["closed"]:
            self._close(selector, link)
        return bool(link["queues"][0] or link["queues"][1]) and not link["black_hole"]

    def _cut(self, selector, link):
        self.cuts += 1
        if self.cut == "black-hole":
            link["black_hole"] = True
            for one in link["ends"]:
                with contextlib.suppress(KeyError):
                    selector.unregister(one)
            return
        if self.cut == "reset":
            for one in link["ends"]:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(selector, link)

    @staticmethod
    def _close(selector, link):
        link["closed"] = True
        for one in link["ends"]:
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(one)
            one.close()
