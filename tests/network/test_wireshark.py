# SPDX-License-Identifier: MIT
"""The Wireshark dissector, with tshark on captures of connections to the daemon."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from wire import TIMEOUT, Client, header, message

ROOT = Path(__file__).resolve().parents[2]
DISSECTOR = ROOT / "packaging/wireshark/echod.lua"
FIELDS = ("frame.number", "echod.size", "echod.is_echo", "echod.message", "echod.echo_in",
          "echod.echo_of", "echod.time", "echod.proxy_header", "_ws.expert.message")  # fmt: skip


@contextlib.contextmanager
def for_everybody(*files):
    """Copies that any user can read."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        copies = [shutil.copyfile(file, Path(directory) / Path(file).name) for file in files]
        for copy in copies:
            copy.chmod(0o644)
        yield copies


def dissect(capture, *arguments):
    """What tshark prints, as a user without privileges: since version 4.4 it loads no script for
    root."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with for_everybody(DISSECTOR, capture) as (script, copy):
        return subprocess.run(
            [*(user if os.geteuid() == 0 else []), "tshark", "-X", f"lua_script:{script}", "-r",
             copy, *map(str, arguments)],
            capture_output=True, text=True, timeout=TIMEOUT,
            env={**os.environ, "HOME": "/nonexistent"},
        )  # fmt: skip


class Capture:
    """A capture of a TCP port on the loopback interface."""

    def __init__(self, path, port):
        self.path = path
        self.port = port
        self.log = path.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["tshark", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", path],
                stdin=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        # What it prints differs from version to version. The file is begun when the interface is
        # open.
        end = time.monotonic() + TIMEOUT
        while not (path.exists() and path.stat().st_size > 0):
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def frames(self, count):
        """What the dissector shows of each frame, when `count` messages and echoes are there."""
        end = time.monotonic() + TIMEOUT
        while True:
            frames = self._dissect()
            found = sum(len(frame.get("echod.size", [])) for frame in frames)
            if found >= count:
                return frames
            assert time.monotonic() < end, f"{found} of {count}: {frames}"

    def _dissect(self):
        columns = [part for name in FIELDS for part in ("-e", name)]
        run = dissect(self.path, "-2", "-Y", "echod", "-o", f"echod.port:{self.port}", "-T", "json",
                      *columns)  # fmt: skip
        assert "Lua" not in run.stderr and "lua" not in run.stderr, run.stderr
        with contextlib.suppress(json.JSONDecodeError):  # the file may end within a frame
            return [one["_source"]["layers"] for one in json.loads(run.stdout)]
        return []

    def close(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)


@pytest.fixture
def captured(echod, tmp_path):
    """(daemon, capture): captured(...) with the sections of the configuration."""
    captures = []

    def start(**sections):
        daemon = echod(**sections)
        captures.append(Capture(tmp_path / "capture.pcapng", daemon.address[1]))
        return daemon, captures[-1]

    yield start
    for capture in captures:
        capture.close()


def values(frames, name):
    return [value for frame in frames for value in frame.get(name, [])]


def test_each_echo_is_matched_with_its_message(captured):
    daemon, capture = captured()
    sizes = [0, 5, 1016]
    with Client(daemon.address) as client:
        for size in sizes:
            client.echo(message(bytes(size)))
        together = b"".join(message(bytes(size)) for size in sizes)
        client.echo(together)
    frames = capture.frames(12)
    echoes = [frame for frame in frames if "echod.echo_of" in frame]
    asked = [frame for frame in frames if "echod.echo_in" in frame]
    for side in (asked, echoes):
        assert [int(size) for size in values(side, "echod.size")] == sizes * 2
        assert [int(number) for number in values(side, "echod.message")] == list(range(1, 7))
    pairs = dict(zip(values(asked, "echod.echo_in"), values(echoes, "echod.echo_of"), strict=True))
    for frame in echoes:
        (number,) = frame["frame.number"]
        assert pairs[number] in values(asked, "frame.number")
    times = [float(seconds) for seconds in values(frames, "echod.time")]
    assert len(times) == 12 and all(0 < seconds < TIMEOUT for seconds in times)
    assert not values(frames, "_ws.expert.message")


def test_messages_in_pieces_are_put_together(captured):
    daemon, capture = captured()
    with Client(daemon.address) as client:
        for piece in (message(b"hello")[:3], message(b"hello")[3:10], message(b"hello")[10:]):
            client.send(piece)
            daemon.ask("--status")
        assert client.receive(13) == message(b"hello")
    frames = capture.frames(2)
    assert values(frames, "echod.size") == ["5", "5"]
    assert len(values(frames, "echod.time")) == 2


def test_an_invalid_size_is_marked(captured):
    daemon, capture = captured()
    with Client(daemon.address) as client:
        client.send(message(b"fine") + header(1017) + b"the rest")
        assert client.receive_until_eof() == message(b"fine")
    frames = capture.frames(3)
    assert sorted(values(frames, "echod.size")) == ["1017", "4", "4"]
    assert values(frames, "_ws.expert.message") == ["Size above 1016"]


@pytest.mark.parametrize("text", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"])
def test_a_proxy_header_comes_before_the_messages(captured, text):
    daemon, capture = captured(listen={"proxy_protocol": "required", "proxy_from": ["127.0.0.1"]})
    with Client(daemon.address) as client:
        client.send(text[:10])
        daemon.wait_for_counters(bytes_in=10)
        client.send(text[10:] + message(b"hello"))
        assert client.receive(13) == message(b"hello")
    frames = capture.frames(2)
    headers = values(frames, "echod.proxy_header")
    assert [bytes.fromhex(one.replace(":", "")) for one in headers] == [text]
    assert values(frames, "echod.size") == ["5", "5"]
