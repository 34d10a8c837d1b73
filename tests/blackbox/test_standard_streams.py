# SPDX-License-Identifier: MIT
"""Standard streams that are closed, full or broken: the log hurts nobody."""

import fcntl
import os
import re
import signal

import pytest
from echod_daemon import launched
from wire import message


@pytest.mark.parametrize("closed", ["2", "1,2", "0,1,2", "0", "0,2"])
def test_a_log_without_a_stream_reaches_no_client(echod, closed):
    # Descriptor 2 would be the next thing opened: a listener, or a client.
    daemon = echod(prefix=launched("--close", closed))
    clients = [daemon.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        client.echo(message(b"first", kind=number))
    for _ in range(3):
        daemon.send_signal(signal.SIGUSR1)
        clients[0].echo()
    for client in clients:
        client.half_close()
        assert client.receive_until_eof() == b""
    for number in closed.split(","):
        assert os.readlink(f"/proc/{daemon.pid}/fd/{number}") == "/dev/null"
    daemon.connect().echo()


def test_a_log_that_nobody_reads_holds_up_no_client_and_tells_what_was_lost(echod):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16384)
    daemon = echod(stderr=writer)
    os.close(writer)
    client = daemon.connect()
    lines = 400
    for number in range(lines):
        daemon.send_signal(signal.SIGUSR1)
        client.echo(message(b"", kind=number))  # one line for each: the signal came first
    os.set_blocking(reader, False)
    text = os.read(reader, 1 << 20).decode()
    daemon.send_signal(signal.SIGUSR1)
    client.echo()
    client.close()
    assert daemon.stop() == 0
    text += os.read(reader, 1 << 20).decode()
    os.close(reader)
    lost = sum(map(int, re.findall(r"(\d+) log lines before this .* were dropped", text)))
    assert lost > 0
    assert len(re.findall("statistics of", text)) + lost == lines + 1
    assert "totals of" in text


def test_a_long_line_to_a_log_that_nobody_reads_holds_up_no_client(echod):
    # A line longer than PIPE_BUF: room for a part of it is no room for all of it (pipe(7)).
    reader, writer = os.pipe()
    daemon = echod(stderr=writer)
    os.close(writer)
    client = daemon.connect()
    daemon.write_config_text("[limits]\n" + f"{'k' * 200_000} = 1\n")
    daemon.send_signal(signal.SIGHUP)
    client.echo()
    daemon.write_config_text("".join(f"section_{n} = 1\n" for n in range(5000)))
    daemon.send_signal(signal.SIGHUP)
    client.echo()
    client.close()
    assert daemon.stop() == 0
    os.close(reader)


def test_a_log_whose_reader_is_gone_does_not_end_it(echod):
    # "echod 2>&1 | head -1": the next line meets a broken pipe.
    reader, writer = os.pipe()
    daemon = echod(stderr=writer)
    os.close(writer)
    os.close(reader)
    client = daemon.connect()
    for _ in range(3):
        daemon.send_signal(signal.SIGUSR1)
        client.echo()
    client.close()
    assert daemon.stop() == 0


def test_a_full_disk_under_the_log_holds_up_no_client(echod):
    full = os.open("/dev/full", os.O_WRONLY)
    daemon = echod(stderr=full)
    os.close(full)
    client = daemon.connect()
    for _ in range(3):
        daemon.send_signal(signal.SIGUSR1)
        client.echo()
    client.close()
    assert daemon.stop() == 0
