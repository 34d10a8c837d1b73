# SPDX-License-Identifier: MIT
"""Random scripts of clients against a real daemon, and a model of the output that each client
expects.

The model parses the bytes that a client has sent. The expected output is the complete valid
messages before the first invalid header. A client must never receive anything else, and at the end
it must have received all of it, unless it has disconnected itself. After the client's FIN or an
invalid header, the daemon sends a FIN.

Some scripts run with timeouts so short that they expire within the script. A client may then be
disconnected and has received a prefix of its expected output; at the end every client must be
disconnected and counted under a reason that it caused.
"""

import contextlib
import random
import select
import signal
import socket
import struct
import tempfile
import time

from echod_daemon import Echod
from wire import HEADER, MAX_PAYLOAD, TIMEOUT, header, message

LARGEST_PIECE = 1 << 16
NEVER = {"idle": "0s", "message": "0s", "write": "0s", "drain": "1s"}


class Model:
    """The output that one client expects for the bytes it has sent."""

    def __init__(self):
        self.sent = bytearray()
        self.expected = 0  # bytes of whole valid messages
        self.messages = 0
        self.invalid = False

    def send(self, data):
        self.sent += data
        while not self.invalid and len(self.sent) - self.expected >= HEADER.size:
            size = HEADER.unpack_from(self.sent, self.expected)[1]
            if size > MAX_PAYLOAD:
                self.invalid = True
            elif len(self.sent) - self.expected < HEADER.size + size:
                return
            else:
                self.expected += HEADER.size + size
                self.messages += 1


class Client:
    def __init__(self, number, address, rng, timed):
        """`timed`: timeouts may close the connection at any time."""
        self.timed = timed
        self.name = f"client {number}"
        self.model = Model()
        self.received = 0
        self.ended = False
        self.finished = False
        self.reads = True
        self.waiting = bytearray()  # to be sent, in this order
        self.socket = socket.socket(socket.AF_INET)
        if rng.random() < 0.3:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            # The kernel fills a window below the largest segment only at its persist timer.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    @property
    def gone(self):
        return self.socket is None

    @property
    def done(self):
        """True if the expected output, and end of file if due, has been received."""
        if self.timed:
            return self.ended
        if self.waiting and not self.model.invalid:
            return False
        due = self.finished or self.model.invalid
        return self.received == self.model.expected and self.ended == due

    def write(self):
        if self.gone or self.ended or self.finished or not self.waiting or self.model.invalid:
            return
        try:
            sent = self.socket.send(self.waiting[:LARGEST_PIECE])
        except BlockingIOError:
            return
        except ConnectionError:
            allowed = self.model.invalid or self.timed
            assert allowed, f"{self.name}: reset while it sent valid messages"
            self.waiting.clear()
            return
        self.model.send(self.waiting[:sent])
        del self.waiting[:sent]

    def read(self, most=1 << 18):
        if self.gone or self.ended or not self.reads:
            return
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return
        except ConnectionError as error:
            assert self.timed, f"{self.name}: {error!r} instead of FIN"
            data = b""
        self.ended = not data
        end = self.received + len(data)
        wanted = self.model.expected
        assert end <= wanted, f"{self.name}: {end} bytes received, {wanted} expected"
        assert data == self.model.sent[self.received : end], f"{self.name}: wrong bytes received"
        self.received = end

    def half_close(self):
        if not self.gone and not self.ended and not self.finished and not self.waiting:
            with contextlib.suppress(OSError) if self.timed else contextlib.nullcontext():
                self.socket.shutdown(socket.SHUT_WR)
            self.finished = True

    def close(self, reset=False):
        if self.gone:
            return
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.socket = None


class Script:
    """Everything follows from the seed, except how the kernel splits the streams."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.config = {
            "limits": {
                "quota_messages": self.rng.choice([1, 2, 10, 1000]),
                "accepts_per_turn": self.rng.choice([1, 64]),
            },
            "timeouts": NEVER,
        }
        self.timed = self.rng.random() < 0.3
        if self.timed:
            names = ("idle", "message", "write")
            short = {name: f"{self.rng.randrange(100, 301)}ms" for name in names}
            self.config["timeouts"] = {**NEVER, **short}
        self.clients = []
        self.connected = 0
        self.gone_early = 0  # closed by a reset or with unread echoes: some counts are not certain

    def run(self, daemon):
        for _ in range(2 + self.rng.randrange(3)):
            self.connect(daemon)
        for _ in range(self.rng.randrange(10, 60)):
            self.step(daemon)
            for client in self.clients:
                client.write()
                client.read(self.rng.choice([1, 100, 1 << 18]))
            if self.timed and self.rng.random() < 0.2:
                time.sleep(self.rng.uniform(0, 0.15))  # makes clients slow; not a wait for an event
        self.settle()
        self.check_counters(daemon)
        for client in self.clients:
            client.close()

    def step(self, daemon):
        rng = self.rng
        client = rng.choice(self.clients)
        what = rng.randrange(20)
        if what < 8 and not client.finished:
            count = rng.choice([1, 1, 3, 20, 300, 2000])
            for _ in range(count):
                size = rng.choice([0, 1, rng.randrange(MAX_PAYLOAD + 1), MAX_PAYLOAD])
                client.waiting += message(rng.randbytes(size), rng.getrandbits(32))
        elif what < 10:
            client.reads = False
        elif what < 13:
            client.reads = True
        elif what == 13:
            client.half_close()
        elif what == 14:
            self.gone_early += not client.gone
            client.close(reset=rng.random() < 0.5)
        elif what == 15 and rng.random() < 0.3 and not client.finished:
            client.waiting += header(rng.randrange(MAX_PAYLOAD + 1, 1 << 32)) + rng.randbytes(50)
        elif what == 16 and len(self.clients) < 8:
            self.connect(daemon)
        elif what == 17:
            daemon.send_signal(signal.SIGUSR1)
        elif what == 18 and rng.random() < 0.2:
            self.config["limits"]["quota_messages"] = rng.choice([1, 5, 100])
            daemon.reload_soon(self.config)
        elif what == 19 and client.waiting:
            # Stop in the middle of a message.
            del client.waiting[rng.randrange(len(client.waiting)) :]

    def connect(self, daemon):
        self.clients.append(Client(self.connected, daemon.address, self.rng, self.timed))
        self.connected += 1

    def settle(self):
        """All clients read until each has its expected output, as long as data arrives."""
        progress = None
        for client in self.clients:
            client.reads = True
        while open_ones := [c for c in self.clients if not c.gone and not c.done]:
            poll = select.poll()
            for client in open_ones:
                sends = not client.finished and not client.model.invalid and not client.ended
                output = client.waiting and sends
                poll.register(client.socket, select.POLLIN | (select.POLLOUT if output else 0))
            if progress != (progress := sum(c.received + c.ended for c in self.clients)):
                deadline = time.monotonic() + TIMEOUT
            left = deadline - time.monotonic()
            stalled = [
                f"{c.name}: {c.received} of {c.model.expected}, ended {c.ended}" for c in open_ones
            ]
            assert left > 0 and poll.poll(left * 1000), f"nothing more comes; {stalled}"
            for client in open_ones:
                client.write()
                client.read()

    def check_counters(self, daemon):
        if self.timed:
            self.check_reasons(daemon)
        else:
            self.check_sums(daemon)

    def check_reasons(self, daemon):
        """Every client has been disconnected, for a reason that a client caused."""
        counters = daemon.wait_for_counters(connections=0, closed=self.connected)
        most = {
            "closed_protocol_error": sum(c.model.invalid for c in self.clients),
            "closed_peer": sum(c.finished or c.gone for c in self.clients),
            "closed_incomplete": sum(c.finished or c.gone for c in self.clients),
            "closed_unused": sum(c.finished or c.gone for c in self.clients),
            "closed_reset_after_echo": self.connected,
            "closed_reset": self.connected,  # it may send after it has been disconnected
            "closed_idle_timeout": self.connected,
            "closed_message_timeout": self.connected,
            "closed_write_timeout": self.connected,
        }
        reasons = {k: v for k, v in counters.items() if k.startswith("closed_") and v}
        wrong = {name: n for name, n in reasons.items() if n > most.get(name, 0)}
        assert not wrong, f"ended for {reasons}, at most {most} can be"

    def check_sums(self, daemon):
        # Waits, because the line may still be that of an earlier request.
        sure = [client for client in self.clients if not client.gone]
        echoed = sum(client.model.messages for client in sure)
        errors = sum(client.model.invalid for client in sure)
        expected = {
            "accepted": self.connected,
            "messages_in": echoed,
            "messages_out": echoed,
            "protocol_errors": errors,
        }
        if self.gone_early == 0:
            daemon.wait_for_counters(**expected)
        else:
            daemon.wait_for_statistics(
                lambda c: all(c.get(name, 0) >= value for name, value in expected.items()),
                f"at least {expected}",
            )


def run_seed(seed):
    """Runs a script against its own daemon; any failure names the seed."""
    script = Script(seed)
    with tempfile.TemporaryDirectory() as directory:
        daemon = Echod(directory, script.config)
        try:
            script.run(daemon)
            daemon.finish()
        except Exception as error:  # a connection is refused if the daemon has died
            message = error if isinstance(error, AssertionError) else repr(error)
            how = f"tests/model/run --seed {seed}"
            raise AssertionError(f"seed {seed} ({how}): {message}\n{daemon.log}") from error
        finally:
            if daemon.running:
                daemon.process.kill()
                daemon.process.wait()
