# SPDX-License-Identifier: MIT
"""Runs echoload as the client in a bad network."""

import subprocess

import echoload_support
from echod_daemon import BUILD

ECHOLOAD = BUILD / "client/echoload"
DELIVERED, WRONG, NOT_DELIVERED = 0, 4, 5


def start_load(address, *arguments):
    command = [ECHOLOAD, f"{address[0]}:{address[1]}", "--format", "json", *arguments]
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def result_of(running):
    """(exit status, result)."""
    try:
        output, _ = running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    return running.returncode, echoload_support.result_of(output)


def load(address, *arguments):
    return result_of(start_load(address, *arguments))
