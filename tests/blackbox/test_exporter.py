# SPDX-License-Identifier: MIT
"""echod-exporter: what Prometheus gets over HTTP, and the bounds of its clients."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from echod_daemon import ECHOD, TIMEOUT, clean_environment
from wire import message

EXPORTER = ECHOD.parent / "echod-exporter"


class Exporter:
    def __init__(self, runtime, *arguments):
        self.process = subprocess.Popen(
            [EXPORTER, "--listen", "127.0.0.1:0", "--directory", runtime, *arguments],
            env=clean_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        line = self.process.stderr.readline()
        self.port = int(re.search(r"listening on http://127.0.0.1:(\d+)/metrics", line)[1])

    def get(self, path="/metrics", method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def samples(self):
        status, _, text = self.get()
        assert status == 200
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def up(self):
        return {
            re.search('"(.*)"', name)[1]: value
            for name, value in self.samples().items()
            if name.startswith("echod_up{")
        }

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)


@pytest.fixture
def exporter(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(*arguments):
            one = Exporter(tmp_path, *arguments)

            def end():
                if one.process.poll() is None:
                    assert one.stop() == 0
                one.process.stderr.close()

            stack.callback(end)
            return one

        yield start


@pytest.fixture
def instance(echod, tmp_path):
    def start(name, **config):
        (tmp_path / name).mkdir(exist_ok=True)
        return echod(control=tmp_path / name / "control.sock", **config)

    return start


def test_promtool_finds_nothing_in_the_metrics_of_several_instances(exporter, instance):
    for number, name in enumerate(("echod", "echod-1", "echod-2"), start=1):
        daemon = instance(name)
        for _ in range(number):
            daemon.connect().echo(message(b"x"))
    status, headers, text = exporter().get()
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    promtool = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, "", "")
    sent = re.findall(r'^echod_messages_sent_total{instance_name="(.*)"} (\d+)$', text, re.M)
    assert sent == [("echod", "1"), ("echod@1", "2"), ("echod@2", "3")]
    heads = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(heads) == len(set(heads))


def test_curl_gets_the_metrics(exporter, instance):
    instance("echod")
    curl = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--max-time", "30",
         f"http://127.0.0.1:{exporter().port}/metrics"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (curl.returncode, curl.stderr) == (0, "")
    assert 'echod_up{instance_name="echod"} 1\n' in curl.stdout


def test_an_instance_that_stops_is_down_until_it_runs_again(exporter, instance, tmp_path):
    metrics = exporter()
    first, second = instance("echod"), instance("echod-1")
    assert metrics.up() == {"echod": 1, "echod@1": 1}
    second.stop()
    os.rmdir(tmp_path / "echod-1")  # as systemd does
    assert metrics.up() == {"echod": 1, "echod@1": 0}
    assert not any("echod@1" in name for name in metrics.samples() if "echod_up" not in name)
    instance("echod-1")
    assert metrics.up() == {"echod": 1, "echod@1": 1}
    first.stop()


def test_a_killed_instance_is_down(exporter, instance):
    daemon = instance("echod-3")
    daemon.process.kill()
    daemon.process.wait()
    daemon.expected_exit = -signal.SIGKILL
    assert exporter().up() == {"echod@3": 0}


def test_an_expected_instance_is_down_although_it_never_ran(exporter, instance):
    instance("echod-1")
    assert exporter("--instance", "echod@2").up() == {"echod@1": 1, "echod@2": 0}


def test_without_any_instance_echod_is_down(exporter):
    assert exporter().up() == {"echod": 0}


def test_an_instance_that_hangs_does_not_delay_the_others_for_long(exporter, instance):
    metrics = exporter()
    instance("echod")
    hanging = instance("echod-1")
    with hanging.paused():
        started = time.monotonic()
        assert metrics.up() == {"echod": 1, "echod@1": 0}
        assert time.monotonic() - started < 9  # the scrape_timeout of Prometheus is 10 s
    assert metrics.up() == {"echod": 1, "echod@1": 1}


def test_other_paths_and_methods_are_refused(exporter):
    metrics = exporter()
    assert metrics.get("/")[0] == 200
    assert metrics.get("/reload")[0] == 404
    assert metrics.get("/metrics", "POST")[0] == 404


def test_silent_clients_give_their_places_back(exporter, instance):
    instance("echod")
    metrics = exporter()
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", metrics.port)))
            for _ in range(8)
        ]
        for client in silent[::2]:
            client.sendall(b"GET /metr")
        assert metrics.up() == {"echod": 1}  # two rounds of four threads, 2 s each
        for client in silent:
            client.settimeout(TIMEOUT)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(4096):
                    pass  # an error, and the end


def test_clients_that_send_a_byte_now_and_then_lose_their_places(exporter, instance):
    instance("echod")
    metrics = exporter()
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", metrics.port)))
            for _ in range(8)
        ]
        for client in slow:
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        stop = threading.Event()

        def dribble():
            while not stop.wait(0.3):
                for client in slow:
                    with contextlib.suppress(OSError):
                        client.sendall(b"x")

        sender = threading.Thread(target=dribble)
        sender.start()
        try:
            for client in slow:
                client.settimeout(TIMEOUT)
                with contextlib.suppress(ConnectionResetError):
                    while client.recv(4096):
                        pass  # an error, and the end
            assert metrics.up() == {"echod": 1}
        finally:
            stop.set()
            sender.join()


def test_threads_and_descriptors_are_bounded(exporter, instance):
    instance("echod")
    metrics = exporter()
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(metrics.get()[0])) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        assert len(os.listdir(f"/proc/{metrics.process.pid}/task")) <= 7
        thread.join()
    assert results == [200] * 40
    assert len(os.listdir(f"/proc/{metrics.process.pid}/fd")) < 10


def test_a_port_in_use_is_an_error_that_names_it(exporter, tmp_path):
    port = exporter().port
    second = subprocess.run(
        [EXPORTER, "--listen", f"127.0.0.1:{port}", "--directory", tmp_path],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: " in second.stderr
    assert "EADDRINUSE" in second.stderr
    assert second.stderr.count("\n") == 1


def test_wrong_usage_is_one_line_and_exit_status_2():
    wrong = subprocess.run(
        [EXPORTER, "--listen", "localhost:1"],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert wrong.stderr.startswith("echod-exporter: --listen: must be ADDRESS:PORT")
    assert wrong.stderr.count("\n") == 1
