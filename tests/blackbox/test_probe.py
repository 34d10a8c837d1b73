# SPDX-License-Identifier: MIT
"""echoload as a probe: a run until a signal, and the metrics that it serves."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from echoload_support import (
    ECHOLOAD, HANG_TIMEOUT, REPOSITORY, closes_first, echo_back, echoload, mute, result_of, serve,
)  # fmt: skip
from probe_run import PROBE, verified, wait_for_text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_usual_end_of_a_run_without_one(probe, number):
    with serve(echo_back) as target:
        running = probe("--format", "json", target)
        running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        code, out = running.stop(number)
    assert code == 0, out
    result = result_of(out)
    assert result["asked"]["duration_s"] is None and result["asked"]["messages"] is None
    assert result["verdict"]["outcome"] == "ok"
    assert result["messages"]["verified"] > 10


def test_the_text_of_a_run_without_an_end_names_the_signal(probe):
    with serve(echo_back) as target:
        running = probe(target)
        running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        code, out = running.stop()
    assert code == 0
    assert "requested   until a signal, sizes fixed:8" in out


def test_a_gate_decides_how_it_ends(probe):
    with serve(echo_back) as target:
        running = probe("--slo", "p50<1ns", target)
        running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        assert running.stop()[0] == 3


def test_it_ends_by_itself_where_its_connections_are_lost():
    with serve(closes_first()) as target:
        ended = echoload(*PROBE, "-q", target)
    assert ended.code == 5
    assert "no connection was left after" in ended.err


def test_promtool_finds_nothing_in_the_metrics(probe):
    with serve(echo_back) as target:
        running = probe("--reconnect", target)
        samples = running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        text = running.text()
        about = running.text("/")
        running.stop()
    promtool = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, "", "")
    assert about.startswith("echoload ")
    assert samples[f'echoload_up{{target="{target}"}}'] == 1
    assert samples[f'echoload_connections{{target="{target}"}}'] == 1
    assert samples[f'echoload_outages_total{{target="{target}"}}'] == 0
    assert samples["echoload_latency_seconds_count"] > 0
    assert samples["echoload_bytes_sent_total"] >= 16 * verified(samples)


def test_the_manual_page_has_every_metric(probe):
    with serve(echo_back) as target:
        running = probe("--reconnect", target)
        text = running.text()
        running.stop()
    page = (REPOSITORY / "man/echoload.1").read_text()
    listed = set(re.findall(r"^\.It Li (echoload_\w+)", page, re.M))
    assert set(re.findall(r"^# TYPE (\S+)", text, re.M)) == listed


def test_an_outage_is_in_the_metrics_while_it_lasts_and_after_it(probe):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = holder.getsockname()
    target = "%s:%d" % address
    up, lasts = f'echoload_up{{target="{target}"}}', f'echoload_outage{{target="{target}"}}'
    count = f'echoload_outages_total{{target="{target}"}}'
    seconds = f'echoload_outage_seconds_total{{target="{target}"}}'
    with serve(echo_back, address=address):
        running = probe("--reconnect", "--timeout", "500ms", target)
        running.wait_for(lambda samples: samples[up] == 1, "the target to be up")
    samples = running.wait_for(lambda s: s[lasts] == 1 and s[up] == 0, "the outage")
    assert samples[count] == 1
    assert any("phase=" in name and value > 0 for name, value in samples.items())
    later = running.wait_for(lambda s: s[seconds] > samples[seconds], "the outage to grow")
    assert later[count] == 1
    running.run.send_signal(signal.SIGUSR1)
    with serve(echo_back, address=address):
        samples = running.wait_for(lambda s: s[lasts] == 0 and s[up] == 1, "its end")
        code, out = running.stop()
    assert samples[count] == 1 and samples[seconds] >= later[seconds]
    assert code in (0, 5)
    assert re.search(r"outages +1, longest", out)
    progress = "".join(running.lines)
    assert re.search(r"  outages 1  out for \d", progress)
    assert re.search(r"outages +1, longest", progress), "the snapshot has it"


def test_a_target_whose_echoes_are_all_wrong_is_not_up(probe):
    wrong = threading.Event()

    def handler(connection, _number):
        while data := connection.recv(65536):
            connection.sendall(bytes(len(data)) if wrong.is_set() else data)

    with serve(handler) as target:
        up = f'echoload_up{{target="{target}"}}'
        running = probe("--reconnect", "--on-mismatch", "count", "--timeout", "200ms", target)
        running.wait_for(lambda samples: samples[up] == 1, "the target to be up")
        wrong.set()
        running.wait_for(lambda samples: samples[up] == 0, "it to be down")
        wrong.clear()
        running.wait_for(lambda samples: samples[up] == 1, "the target to be up again")
        running.stop()


def test_a_port_in_use_is_an_error_before_the_run(tmp_path):
    with socket.socket() as holder, serve(mute) as target:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = echoload("-d", "forever", "--metrics", port, target)
    assert ended.code == 1
    assert f"--metrics: cannot listen on 127.0.0.1:{port}: " in ended.err
    assert "EADDRINUSE" in ended.err and ended.err.count("\n") == 1


@pytest.mark.parametrize("address", ["localhost:1", "1.2.3.4", "70000", "::1:80", ""])
def test_an_address_that_is_none_is_refused(address):
    ended = echoload("--metrics", address, "127.0.0.1:1")
    assert ended.code == 2
    assert ended.err.startswith("echoload: --metrics: must be PORT, ADDRESS:PORT or [ADDRESS]:PORT")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    deadline = time.monotonic() + HANG_TIMEOUT
    while True:
        got = subprocess.run(["curl", "-sfg", "--max-time", "5", url], capture_output=True, text=True)
        if got.returncode == 0:
            return got.stdout
        assert time.monotonic() < deadline, url
        time.sleep(0.1)  # it starts


@pytest.mark.skipif(shutil.which("prometheus-node-exporter") is None, reason="not installed")
def test_node_exporter_shows_the_file_through_a_link(tmp_path):
    collector = tmp_path / "collector"
    collector.mkdir()
    (collector / "probe.prom").symlink_to(tmp_path / "echoload.prom")
    with serve(echo_back) as target:
        ended = echoload("-q", "-d", "200ms", "--metrics-file", tmp_path / "echoload.prom", target)
    assert ended.code == 0
    port = free_port()
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
         f"--collector.textfile.directory={collector}", f"--web.listen-address=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        text = fetch(f"http://127.0.0.1:{port}/metrics")
    finally:
        exporter.terminate()
        exporter.wait(HANG_TIMEOUT)
    assert f'echoload_up{{target="{target}"}} 1' in text
    assert "node_textfile_scrape_error 0" in text


def test_a_real_prometheus_scrapes_it(probe, tmp_path):
    port = free_port()
    with serve(echo_back) as target:
        running = probe("--reconnect", target)
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 500ms}\n"
            "scrape_configs:\n- job_name: probe\n  static_configs:\n"
            f"  - targets: [127.0.0.1:{running.port}]\n"
        )
        with (tmp_path / "log").open("w") as log:
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={tmp_path}/prometheus.yml",
                 f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            query = "histogram_quantile(0.5,+rate(echoload_latency_seconds_bucket[10s]))"
            url = f"http://127.0.0.1:{port}/api/v1/query?query={query.replace('+', '%20')}"
            deadline = time.monotonic() + HANG_TIMEOUT
            found = []
            while not found and time.monotonic() < deadline:
                found = json.loads(fetch(url))["data"]["result"]
                time.sleep(0.2)  # there is no event for a scrape
        finally:
            prometheus.terminate()
            prometheus.wait(HANG_TIMEOUT)
        running.stop()
    assert 0 < float(found[0]["value"][1]) < 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with few processes")
@pytest.mark.parametrize("most", range(1, 7))
@pytest.mark.parametrize("option", [("--metrics", "127.0.0.1:0"), ("--abuse", "idle:1")])
def test_a_thread_that_cannot_be_started_is_named_and_nothing_aborts(option, most):
    # The search for leaks at the end starts a process of its own.
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    with tempfile.TemporaryDirectory() as directory, serve(echo_back) as target:
        os.chmod(directory, 0o755)
        program = shutil.copy(ECHOLOAD, directory)
        ended = subprocess.run(
            ["setpriv", "--reuid", "31999", "--clear-groups", "prlimit", f"--nproc={most}", program,
             "-d", "100ms", "-c", "1", "-t", "1", *option, target],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_TIMEOUT,
            env={**os.environ, "ASAN_OPTIONS": sanitizer},
        )  # fmt: skip
    assert ended.returncode in (0, 1), ended.stderr
    if ended.returncode == 1:
        assert re.search("cannot start a thread|threads could be started", ended.stderr)


def listening_socket(pid, port):
    """A duplicate of the listening socket that a process has at a port: pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found = libc.syscall(438, process, int(number), 0)
            if found < 0:
                continue
            if "socket" not in os.readlink(f"/proc/self/fd/{found}"):
                os.close(found)
                continue
            one = socket.socket(fileno=found)
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockname()[1] == port:
                return one
            one.close()
    finally:
        os.close(process)
    raise AssertionError("it does not listen")


def test_a_server_that_ends_by_itself_is_logged_and_the_run_continues(probe, tmp_path):
    series = tmp_path / "series.jsonl"
    with serve(echo_back) as target:
        running = probe("--timeseries", series, target)
        with listening_socket(running.run.pid, running.port) as listening:
            listening.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + HANG_TIMEOUT
        while not any(f"127.0.0.1:{running.port}/metrics ended by itself" in line
                      for line in running.lines):  # fmt: skip
            assert time.monotonic() < deadline, running.lines
            time.sleep(0.02)  # nothing reports a line
        count = series.read_text().count("\n")
        wait_for_text(series, lambda text: text.count("\n") > count + 3)
        assert running.stop()[0] == 0


def test_clients_of_the_metrics_do_not_delay_the_end(probe):
    ended = threading.Event()

    def dribble(clients):
        while not ended.wait(0.1):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(b"x")

    with serve(echo_back) as target, contextlib.ExitStack() as stack:
        running = probe(target)
        running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
                   for _ in range(4)]  # fmt: skip
        for client in clients:  # each would keep a thread for minutes
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        sender = threading.Thread(target=dribble, args=(clients,))
        hang = threading.Timer(HANG_TIMEOUT, running.run.kill)
        sender.start()
        hang.start()
        try:
            assert running.stop()[0] == 0
        finally:
            hang.cancel()
            ended.set()
            sender.join()


@pytest.mark.skipif(os.path.exists("/run/systemd/journal/socket"), reason="there is a journal")
def test_without_a_journal_its_option_is_an_error():
    ended = echoload("--journal", "127.0.0.1:1")
    assert ended.code == 1
    assert "--journal: journald cannot be reached at /run/systemd/journal/socket" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [("search", "--slo", "p99<5ms"), ("sweep", "--rates", "1:2:2"), ("repeat", "-o", "x.json")],
)
def test_a_run_of_several_has_an_end(arguments):
    ended = echoload(*arguments, "-d", "forever", "127.0.0.1:1")
    assert ended.code == 2
    assert "has an end, not 'forever'" in ended.err
