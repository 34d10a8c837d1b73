# SPDX-License-Identifier: MIT
"""Runs a program that must refuse to start, and checks its messages."""

import socket
import subprocess
import tempfile
from pathlib import Path

from echod_daemon import BUILD, ECHOD, clean_environment

ECHOLOAD = BUILD / "client/echoload"
TIMEOUT = 60
USAGE, CONFIG, FAILURE = 2, 78, 1


def notifications_of(notify):
    """The notifications that the service manager has received so far."""
    received = []
    try:
        while True:
            received.append(notify.recv(1 << 16, socket.MSG_DONTWAIT).decode())
    except BlockingIOError:
        return received


def run(program, *arguments, env=None, **options):
    """Runs the program to its end; (exit status, lines of standard error, standard output). It must
    not send READY=1."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(
        socket.AF_UNIX, socket.SOCK_DGRAM
    ) as notify:
        path = str(Path(directory) / "notify")
        notify.bind(path)
        environment = clean_environment(NOTIFY_SOCKET=path, **(env or {}))
        result = subprocess.run(
            [str(program), *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            **options,
        )
        assert not any("READY=1" in each for each in notifications_of(notify)), "it sent READY=1"
    text = result.stderr.decode(errors="backslashreplace")
    assert text.endswith("\n"), f"not a whole line: {text!r}"
    lines = text[:-1].split("\n")
    for line in lines:
        assert line and line.isprintable(), f"not one printable line: {line!r}"
        assert len(line) < 700, f"a line of {len(line)} characters"
    return result.returncode, lines, result.stdout.decode()


def error_lines(lines):
    """The errors of a log. Each line before the log begins counts as an error."""
    return [line for line in lines if " info    " not in line and " warning " not in line]


def run_echod(*arguments, **options):
    return run(ECHOD, *arguments, **options)


def run_echoload(*arguments, **options):
    return run(ECHOLOAD, *arguments, **options)
