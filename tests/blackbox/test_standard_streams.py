# SPDX-License-Identifier: MIT
"""Standard streams that are closed, full or broken: logging does not affect clients."""

import contextlib
import fcntl
import os
import pty
import re
import resource
import signal
import socket
import subprocess

import pytest
from echod_daemon import ECHOD, launched
from wire import TIMEOUT, message


@pytest.mark.parametrize("closed", ["2", "1,2", "0,1,2", "0", "0,2"])
def test_a_closed_standard_error_does_not_send_the_log_to_a_client(echod, closed):
    # Otherwise the next descriptor opened, a listener or a client, would be number 2.
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


def unread_pipe(_directory):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16384)
    return reader, writer


def unread_fifo(directory):
    path = directory / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 16384)
    return reader, writer


def unread_terminal(_directory):
    return pty.openpty()


def unread_socket(_directory):
    reader, writer = socket.socketpair()
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    return reader.detach(), writer.detach()


def read_all(reader):
    """What was written so far; until the end if there is no writer any more."""
    text = b""
    with contextlib.suppress(BlockingIOError, OSError):  # EIO: the other end of a terminal
        while part := os.read(reader, 1 << 16):
            text += part
    return text.decode()


@pytest.mark.parametrize("unread", [unread_pipe, unread_fifo, unread_terminal, unread_socket])
def test_an_unread_log_delays_no_client_and_reports_lost_lines(echod, tmp_path, unread):
    reader, writer = unread(tmp_path)
    daemon = echod(stderr=writer)
    client = daemon.connect()
    lines = 1000
    for number in range(lines):
        daemon.send_signal(signal.SIGUSR1)
        client.echo(message(b"", kind=number))  # one line for each, because the signal came first
    # Others may write to the same terminal or pipe, and do not expect EAGAIN.
    assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK
    os.close(writer)
    os.set_blocking(reader, False)
    text = read_all(reader)
    daemon.send_signal(signal.SIGUSR1)
    client.echo()
    client.close()
    assert daemon.stop() == 0
    text += read_all(reader)
    os.close(reader)
    lost = sum(map(int, re.findall(r"(\d+) log lines before this .* were dropped", text)))
    assert lost > 0
    assert len(re.findall("statistics of", text)) + lost == lines + 1
    assert "totals of" in text


def test_an_unread_terminal_does_not_delay_the_end(echod):
    reader, writer = pty.openpty()
    daemon = echod(stderr=writer)
    os.close(writer)
    client = daemon.connect()
    for number in range(1000):
        daemon.send_signal(signal.SIGUSR1)
        client.echo(message(b"", kind=number))
    client.close()
    assert daemon.stop() == 0
    os.close(reader)


def test_a_long_line_to_an_unread_log_delays_no_client(echod):
    # Longer than PIPE_BUF, so it may not fit although the pipe is writable (pipe(7)).
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


def test_a_broken_log_pipe_does_not_end_the_daemon(echod):
    # "echod 2>&1 | head -1": the next line gets EPIPE.
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


def test_a_full_disk_for_the_log_delays_no_client(echod):
    full = os.open("/dev/full", os.O_WRONLY)
    daemon = echod(stderr=full)
    os.close(full)
    client = daemon.connect()
    for _ in range(3):
        daemon.send_signal(signal.SIGUSR1)
        client.echo()
    client.close()
    assert daemon.stop() == 0


def test_a_log_file_at_its_limit_does_not_end_the_daemon(echod, tmp_path):
    # RLIMIT_FSIZE: the write that exceeds it gets SIGXFSZ, whose default is to end the process.
    log = tmp_path / "log"
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    daemon = echod(stderr=file, prefix=launched("--fsize", "1000"))
    os.close(file)
    client = daemon.connect()
    for number in range(20):
        daemon.send_signal(signal.SIGUSR1)
        client.echo(message(b"", kind=number))
    assert log.stat().st_size == 1000
    os.truncate(log, 0)  # as a rotation by copying does
    daemon.send_signal(signal.SIGUSR1)
    client.echo()
    client.close()
    assert daemon.stop() == 0
    text = log.read_text()
    assert re.search(r"\d+ log lines before this .* were dropped", text)
    assert "statistics of" in text


@pytest.mark.parametrize("option", ["--help", "--print-config"])
def test_an_output_file_at_its_limit_is_an_error(tmp_path, option):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            [ECHOD, option], stdout=out, stderr=subprocess.PIPE, text=True, preexec_fn=limit,
            timeout=TIMEOUT, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "echod: standard output: File too large\n")
