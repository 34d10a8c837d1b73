# SPDX-License-Identifier: MIT
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import words


class Daemon:
    """An echod with the default configuration on a free port, with its own control socket."""

    def __init__(self, directory):
        config = directory / "echod.toml"
        config.write_text('[listen]\naddresses = ["127.0.0.1"]\nport = 0\n')
        self.control = directory / "control.sock"
        self.process = subprocess.Popen(
            [words.BINARY["echod"], "--config", config, "--control", self.control],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            ready = re.search(r"ready: listening on 127\.0\.0\.1:(\d+)$", line)
            if ready:
                self.port = int(ready[1])
                return
        pytest.fail(f"echod ended with {self.process.wait()} before it was ready")

    def ask(self, *question):
        result = words.run(words.BINARY["echod"], "--control", self.control, *question)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.fixture(scope="session")
def daemon():
    # Not pytest's directory, because the path of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="echod-docs-") as directory:
        running = Daemon(Path(directory))
        yield running
        running.stop()
