# SPDX-License-Identifier: MIT
"""How much of the journal the statistics take, and the two ways to less, as echod(8) says."""

import os
import re
import signal
import struct
import time

import pytest
from clients import echoes
from conftest import ROOT, use_example
from machine import MESSAGE_ID, TIMEOUT, kill

STATISTICS = f"MESSAGE_ID={MESSAGE_ID['statistics']}"
EXAMPLES = "/usr/share/doc/echod/examples"
LIMITS = "/etc/systemd/journald@echod.conf"
TAIL_OFFSET = 136  # of the header of a journal file: the place of its last object


@pytest.fixture
def separate(machine):
    """A machine with the example: the daemon has a journal of its own."""
    machine.run(["install", "-m", "0644", f"{EXAMPLES}/journald/journald@echod.conf", LIMITS])
    use_example(machine, "echod.service", "journal.conf")
    machine.run("systemctl restart echod.service")
    yield machine
    machine.run("systemctl stop echod.service systemd-journald@echod.socket "
                "systemd-journald-varlink@echod.socket systemd-journald@echod.service", check=False)  # fmt: skip
    machine.run(["sh", "-c", f"rm -rf {LIMITS} /var/log/journal /run/log/journal/*.echod"])


def entries_of(machine, *options):
    output = machine.run(["journalctl", "--quiet", "-o", "cat", STATISTICS, *options]).stdout
    return len(output.splitlines())


def files_of(machine):
    listed = machine.run(["sh", "-c", "ls /var/log/journal/*.echod/*.journal"]).stdout
    return [machine.root / path.lstrip("/") for path in listed.split()]


def used(machine):
    """Bytes of the journal's files up to their last object; they grow in steps of 8 MiB."""
    machine.run("journalctl --namespace=echod --sync")
    total = 0
    for file in files_of(machine):
        with file.open("rb") as stream:
            total += struct.unpack_from("<Q", stream.read(256), TAIL_OFFSET)[0]
    return total


def log_statistics(machine, times):
    """Has that many entries written while messages are echoed."""
    pid = machine.outside_pid(machine.main_pid())
    with machine.connect() as client:
        for number in range(times):
            os.kill(pid, signal.SIGUSR1)
            assert echoes(client, bytes(number % 1000))


def bytes_per_entry(machine):
    """The mean of a few thousand entries: the index of a journal grows in large steps."""
    before = used(machine), entries_of(machine, "--namespace=echod")
    load = machine.start("echoload -q -c 20 -R 5k --arrival poisson -d 100s 127.0.0.1:8007")
    try:
        log_statistics(machine, 6000)
    finally:
        kill(load)
    size, count = used(machine) - before[0], entries_of(machine, "--namespace=echod") - before[1]
    assert count >= 1000
    return size / count


def documented():
    """(bytes of an entry, megabytes of a day) in echod(8)."""
    page = (ROOT / "man/echod.8").read_text()
    found = re.search(r"takes about ([\d.]+) KB\b.*?(\d+) MB a day", page, re.DOTALL)
    return float(found[1]) * 1000, float(found[2])


def test_an_entry_takes_as_much_as_the_manual_page_says(separate):
    measured = bytes_per_entry(separate)
    entry, day = documented()
    print(f"{measured:.0f} bytes an entry, {measured * 86400 / 1e6:.0f} MB a day at 1 s")
    assert measured == pytest.approx(entry, rel=0.5), "the index grows in large steps"
    assert day == pytest.approx(entry * 86400 / 1e6, rel=0.01)


def test_the_example_separates_the_log_and_bounds_it(separate):
    main = entries_of(separate)
    with separate.connect() as client:
        assert echoes(client)
        separate.run("systemctl kill -s USR1 echod.service")
        wait_until(lambda: entries_of(separate, "--namespace=echod") > 0)
    assert entries_of(separate) == main
    assert "ready: listening" in separate.run("systemctl status --full echod.service").stdout
    # With a limit that is reached soon: the oldest entries go.
    text = re.sub(r"=300M", "=4M", re.sub(r"=20M", "=1M", separate.read(LIMITS)))
    separate.write(LIMITS, text)
    separate.run("systemctl restart systemd-journald@echod.service")
    log_statistics(separate, 5000)
    separate.run("journalctl --namespace=echod --sync")
    # Without the limit it would be 11 MB. A file grows in steps of 8 MiB.
    assert sum(file.stat().st_size for file in files_of(separate)) <= 8 << 20
    assert 0 < entries_of(separate, "--namespace=echod") < 4000
    assert echoes(separate.connect())


def test_a_restart_of_the_separate_journal_loses_no_connection(separate):
    with separate.connect() as client:
        assert echoes(client)
        separate.run("systemctl restart systemd-journald@echod.service")
        assert echoes(client)
        separate.run("systemctl restart echod.service")
        assert echoes(client)
        separate.run("systemctl kill -s USR1 echod.service")
        wait_until(lambda: entries_of(separate, "--namespace=echod") > 0)


def test_a_longer_interval_has_fewer_entries_and_loses_no_count(machine):
    machine.set_option("interval", '"1m"')
    machine.run("systemctl reload echod.service")
    machine.run("echoload -q -c 20 -n 2000 -R 1k 127.0.0.1:8007")
    machine.run("systemctl stop echod.service")
    entries = machine.entries(STATISTICS, "_SYSTEMD_UNIT=echod.service", after=machine.before)
    assert len(entries) <= 2  # the totals, and what was before the reload
    assert sum(int(entry["ECHOD_INTERVAL_MESSAGES_OUT"]) for entry in entries) == 2000


def wait_until(predicate):
    deadline = time.monotonic() + TIMEOUT
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.05)
