# SPDX-License-Identifier: MIT
"""Attacks on the daemon itself, each repeated beside a control cohort that must lose nothing.

The short forms are in other directories: an unread terminal, a log file at its limit and silent
control clients in tests/blackbox (test_standard_streams, test_control), a deep key in tests/unit
(config_test), a refusing epoll in tests/faults, eviction and floods in tests/unit (clients_test).
"""

import collections
import contextlib
import errno
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import cohorts
from echod_daemon import launched
from wire import Client, message

sys.path.insert(0, str(cohorts.ROOT / "tests/faults"))

from plan import LIBRARY, Faults  # noqa: E402

LOG_LIMIT = 1000  # bytes
DEEP_KEY = "a" + ".a" * 40_000 + " = 1\n"
CONTROL_SLOTS = 8
FLOODS = 300  # more than the 256 events of one epoll_wait(2)
EVICTIONS_A_SECOND = 100


class Repeated:
    """A context for Row.run(): calls once(echod, stop) until the load is over. What fails in it is
    a fault of the row."""

    def __init__(self, row, once):
        self.row = row
        self.once = once
        self.rounds = 0

    @contextlib.contextmanager
    def __call__(self, echod):
        stop = threading.Event()

        def work():
            try:
                while self.rounds == 0 or not stop.is_set():
                    self.once(echod, stop)
                    self.rounds += 1
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                self.row.faults.append(f"round {self.rounds}: {error!r}")

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def echo(echod):
    with Client(echod.address) as client:
        client.echo(message(b"beside"))


def line_and_echo(echod, _stop):
    """One line of the log; the echo is served after it."""
    echod.send_signal(signal.SIGUSR1)
    echo(echod)


def terminal(row, options):
    reader, writer = pty.openpty()
    attack = Repeated(row, line_and_echo)
    try:
        row.run(options, beside=attack, launch={"stderr": writer})
    finally:
        os.close(writer)
        os.close(reader)
    row.note = f"{attack.rounds} lines to a terminal that is not read"


def file_limit(row, options):
    attack = Repeated(row, line_and_echo)
    with tempfile.TemporaryFile() as log:
        prefix = launched("--fsize", str(LOG_LIMIT))
        row.run(options, beside=attack, launch={"stderr": log.fileno(), "prefix": prefix})
        size = os.fstat(log.fileno()).st_size
    row.hold(size == LOG_LIMIT, f"the log has {size} bytes")
    row.note = f"{attack.rounds} lines to a log of {LOG_LIMIT} bytes"


def deep_key(row, options):
    def once(echod, _stop):
        good = echod.config_path.read_text()
        echod.write_config_text(DEEP_KEY)
        refused = echod.ask("--reload")
        echod.write_config_text(good)
        accepted = echod.ask("--reload")
        assert refused.returncode == 1, f"a deep key: {refused}"
        assert accepted.returncode == 0, f"after it: {accepted}"

    attack = Repeated(row, once)
    row.run(options, beside=attack)
    row.note = f"{attack.rounds} reloads with a key of {DEEP_KEY.count('.') + 1} parts refused"


def refusing_epoll(row, options):
    with tempfile.TemporaryDirectory(prefix="echod-abuse-") as directory:
        faults = Faults(Path(directory) / "faults")

        def once(echod, _stop):
            faults.plan("epoll_add", errno.ENOSPC, count=3)
            echo(echod)
            assert not faults.pending("epoll_add")

        attack = Repeated(row, once)
        row.run(options, beside=attack, launch={"env": faults.environment})
    row.hold(row.counters["setup_errors"] == 3 * attack.rounds, f"counted {row.counters}")
    row.note = f"{row.counters['setup_errors']} additions refused by epoll"


def control_slots(row, options):
    def once(echod, _stop):
        with contextlib.ExitStack() as stack:
            for _ in range(CONTROL_SLOTS):
                stack.enter_context(Client(str(echod.control_path)))
            asked = echod.ask("--status")
            assert asked.returncode == 0, asked

    attack = Repeated(row, once)
    row.run(options, beside=attack)
    row.note = f"{attack.rounds} answers beside {CONTROL_SLOTS} silent control clients"


def eviction(row, options):
    """Idle clients hold every place, and more of them come."""
    row.others = options.connections
    clients = collections.deque()
    limits = {"max_connections": options.connections + options.control, "when_full": "evict"}

    def come(echod):
        clients.append(Client(echod.address))
        clients[-1].echo(message(b"idle"))

    def once(echod, stop):
        come(echod)
        clients.popleft().close()
        stop.wait(1 / EVICTIONS_A_SECOND)

    attack = Repeated(row, once)

    @contextlib.contextmanager
    def beside(echod):
        for _ in range(options.connections):
            come(echod)
        with attack(echod):
            yield
        for client in clients:
            client.close()

    row.run(options, {"limits": limits, "timeouts": {"idle": "0"}}, beside=beside)
    row.hold(row.counters["closed_evicted"] > 0, "no client was evicted")
    row.note = f"{row.counters['closed_evicted']} of {attack.rounds} idle clients evicted"


def floods(row, options):
    """Busy floods, and a client at a time that stalls and then reads everything."""
    row.others = FLOODS + 1
    one = message(bytes(1000))

    def once(echod, _stop):
        with Client(echod.address) as client:
            sent = echod.flood_until_stalled(client, one * 30)
            client.receive(sent // len(one) * len(one))  # the last message may be incomplete

    attack = Repeated(row, once)

    @contextlib.contextmanager
    def beside(echod):
        command = [cohorts.ECHOLOAD, cohorts.target(echod), "-c", FLOODS, "-p", 64, "-d", "1h", "-q"]
        busy = cohorts.start(command, os.SCHED_IDLE if options.gives_way else os.SCHED_OTHER)
        try:
            with attack(echod):
                yield
        finally:
            busy.terminate()
            busy.communicate()

    timeouts = {**cohorts.TIMEOUTS, "write": "10s"}
    limits = {"max_connections": FLOODS + options.control + 100}
    row.run(options, {"limits": limits, "timeouts": timeouts}, beside=beside)
    late = row.counters["closed_write_timeout"]
    row.hold(late == 0, f"{late} clients that read were closed by timeouts.write")
    row.note = f"{attack.rounds} stalled clients beside {FLOODS} floods got every echo"


ATTACKS = {
    "terminal": terminal,
    "file limit": file_limit,
    "deep key": deep_key,
    "epoll": refusing_epoll,
    "control": control_slots,
    "evict": eviction,
    "floods": floods,
}


def available(name):
    """False for an attack that needs a part that is not built."""
    return name != "epoll" or LIBRARY.exists()


def beside_attack(name, options):
    row = cohorts.Row(name, {}, options.control)
    ATTACKS[name](row, options)
    return row
