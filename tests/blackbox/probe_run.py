# SPDX-License-Identifier: MIT
"""A run of echoload until a signal, with its metrics."""

import http.client
import re
import signal
import threading
import time

from echoload_support import HANG_TIMEOUT, start_echoload

PROBE = ("-d", "forever", "-c", "1", "-R", "200", "--sizes", "8", "--interval", "50ms")


class Probe:
    """A run until a signal, with its metrics."""

    def __init__(self, *arguments):
        self.run = start_echoload(*PROBE, "--metrics", "0", *arguments)
        line = self.run.stderr.readline()
        found = re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", line)
        assert found, line + self.run.stderr.read()
        self.port = int(found[1])
        # The progress is read, or the pipe would fill.
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.run.stderr))
        self.reader.start()

    def text(self, path="/metrics"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_TIMEOUT)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()

    def samples(self):
        lines = [line for line in self.text().splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def wait_for(self, predicate, what):
        deadline = time.monotonic() + HANG_TIMEOUT
        while time.monotonic() < deadline:
            samples = self.samples()
            if predicate(samples):
                return samples
            time.sleep(0.02)  # there is no event for an interval
        raise AssertionError(f"waited for {what}: {samples}")

    def stop(self, number=signal.SIGTERM):
        self.run.send_signal(number)
        out = self.run.stdout.read()
        code = self.run.wait(HANG_TIMEOUT)
        self.reader.join(HANG_TIMEOUT)
        return code, out


def verified(samples):
    return samples['echoload_messages_total{outcome="verified"}']


def wait_for_text(path, predicate):
    deadline = time.monotonic() + HANG_TIMEOUT
    while not (path.exists() and predicate(path.read_text())):
        assert time.monotonic() < deadline, path
        time.sleep(0.02)  # nothing reports a change of it
