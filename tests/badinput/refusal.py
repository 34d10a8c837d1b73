# SPDX-License-Identifier: MIT
"""Runs a program that must refuse to start, and holds what it says to the rules."""

import socket
import subprocess
import tempfile
from pathlib import Path

from echod_daemon import BUILD, ECHOD, clean_environment

ECHOLOAD = BUILD / "client/echoload"
TIMEOUT = 60
USAGE, CONFIG, FAILURE = 2, 78, 1


def told_to(notify):
    """What the service manager was told up to now."""
    told = []
    try:
        while True:
            told.append(notify.recv(1 << 16, socket.MSG_DONTWAIT).decode())
    except BlockingIOError:
        return told


def run(program, *arguments, env=None, **options):
    """Runs it to its end; (exit status, lines of standard error, standard output). It is not ready
    at any time."""
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
        assert not any("READY=1" in told for told in told_to(notify)), "it said that it is ready"
    text = result.stderr.decode(errors="backslashreplace")
    assert text.endswith("\n"), f"not a whole line: {text!r}"
    lines = text[:-1].split("\n")
    for line in lines:
        assert line and line.isprintable(), f"not one printable line: {line!r}"
        assert len(line) < 700, f"a line of {len(line)} characters"
    return result.returncode, lines, result.stdout.decode()


def error_lines(lines):
    """Those of a log that are errors; lines before the log begins are one each."""
    return [line for line in lines if " info    " not in line and " warning " not in line]


def run_echod(*arguments, **options):
    return run(ECHOD, *arguments, **options)


def run_echoload(*arguments, **options):
    return run(ECHOLOAD, *arguments, **options)
