# SPDX-License-Identifier: MIT
"""echoload as a probe: a run until a signal, metrics, a plugin's line, a series that is rotated."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from echoload_support import (
    ECHOLOAD, HANG_TIMEOUT, REPOSITORY, closes_first, echo_back, echoload, flips_a_bit, mute, refusing_port,
    result_of, serve, start_echoload,
)  # fmt: skip

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


@pytest.fixture
def probe():
    with contextlib.ExitStack() as stack:

        def start(*arguments):
            one = Probe(*arguments)

            def end():
                one.run.kill()
                one.run.wait(HANG_TIMEOUT)
                one.reader.join(HANG_TIMEOUT)
                one.run.stdout.close()
                one.run.stderr.close()

            stack.callback(end)
            return one

        yield start


def verified(samples):
    return samples['echoload_messages_total{outcome="verified"}']


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


def test_a_file_of_metrics_is_complete_at_any_time(tmp_path):
    file = tmp_path / "echoload.prom"
    with serve(echo_back) as target:
        run = start_echoload("-d", "forever", "-c", 1, "-R", 200, "-q", "--interval", "10ms",
                             "--metrics-file", file, target)  # fmt: skip
        texts = []
        deadline = time.monotonic() + HANG_TIMEOUT
        while len(set(texts)) < 20 and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                texts.append(file.read_text())
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 0
    assert len(set(texts)) >= 20
    for text in texts:
        assert text.startswith("# HELP echoload_build_info")
        assert re.search(r"\nechoload_connect_latency_seconds_count \d+\n\Z", text)
    assert os.listdir(tmp_path) == ["echoload.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_written_is_an_error_before_the_run(tmp_path):
    ended = echoload("--metrics-file", tmp_path / "none/x.prom", "127.0.0.1:1")
    assert ended.code == 1
    assert "cannot write" in ended.err and "none/x.prom: " in ended.err


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


def limit_files(run, size):
    _, hard = resource.prlimit(run.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (size, hard))


def logged(running, what):
    return [line for line in running.lines if line.startswith("echoload: ") and what in line]


def wait_for_log(running, what):
    deadline = time.monotonic() + HANG_TIMEOUT
    while not logged(running, what):
        assert time.monotonic() < deadline, running.lines
        time.sleep(0.02)  # there is no event for an interval


def intervals_of(series):
    return [json.loads(line) for line in series.read_text().splitlines()[1:]]


@pytest.mark.parametrize("option", ["--timeseries", "--metrics-file"])
def test_a_file_that_cannot_be_written_for_a_time_is_logged_and_written_again(
    probe, tmp_path, option
):
    file = tmp_path / "file"
    appends = ["--append"] if option == "--timeseries" else []
    with serve(echo_back) as target:
        running = probe(option, file, *appends, target)
        wait_for_text(file, lambda text: text.count("\n") > 2)
        # Only a part of the next line of the series has room; the metrics are made anew.
        limit_files(running.run, file.stat().st_size + 100 if appends else 1)
        wait_for_log(running, f"cannot write {file}: ")
        before = running.samples()
        running.wait_for(lambda s: verified(s) > verified(before) + 50, "several intervals")
        limit_files(running.run, resource.RLIM_INFINITY)
        wait_for_log(running, f"{file} can be written again")
        old = file.read_text()
        wait_for_text(file, lambda text: text != old)
        code, _ = running.stop()
    assert code == 0
    assert len(logged(running, "EFBIG")) == len(logged(running, "written again")) == 1
    if appends:
        intervals = intervals_of(file)
        begins = [line["at_s"] - line["length_s"] for line in intervals[1:]]
        ends = [line["at_s"] for line in intervals[:-1]]
        assert begins == pytest.approx(ends), "none is missing"


def test_a_series_that_is_full_continues_in_a_new_file_after_a_rotation(probe, tmp_path):
    series, earlier = tmp_path / "series.jsonl", tmp_path / "series.jsonl.1"
    with serve(echo_back) as target:
        running = probe("--timeseries", series, "--append", target)
        wait_for_text(series, lambda text: text.count("\n") > 8)
        limit_files(running.run, series.stat().st_size + 100)  # part of a line
        wait_for_log(running, f"cannot write {series}: ")
        series.rename(earlier)
        running.run.send_signal(signal.SIGHUP)
        wait_for_log(running, f"{series} can be written again")
        limit_files(running.run, resource.RLIM_INFINITY)
        wait_for_text(series, lambda text: text.count("\n") > 4)
        code, _ = running.stop()
    assert code == 0
    assert not earlier.read_text().endswith("\n"), "the rest of that line is not in the new file"
    heads = [json.loads(file.read_text().splitlines()[0]) for file in (series, earlier)]
    assert heads[0]["asked"] == heads[1]["asked"]
    intervals = intervals_of(series)
    assert all("at_s" in line for line in intervals) and len(intervals) >= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with few processes")
@pytest.mark.parametrize("most", range(1, 7))
def test_a_thread_that_cannot_be_started_is_named_and_nothing_aborts(most):
    # The search for leaks at the end starts a process of its own.
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    with tempfile.TemporaryDirectory() as directory, serve(echo_back) as target:
        os.chmod(directory, 0o755)
        program = shutil.copy(ECHOLOAD, directory)
        ended = subprocess.run(
            ["setpriv", "--reuid", "31999", "--clear-groups", "prlimit", f"--nproc={most}", program,
             "-d", "100ms", "-c", "1", "-t", "1", "--metrics", "127.0.0.1:0", target],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_TIMEOUT,
            env={**os.environ, "ASAN_OPTIONS": sanitizer},
        )  # fmt: skip
    assert ended.returncode in (0, 1), ended.stderr
    if ended.returncode == 1:
        assert re.search("cannot start a thread|threads could be started", ended.stderr)


def test_a_file_that_cannot_be_written_at_the_end_does_not_change_the_exit_status(probe, tmp_path):
    series = tmp_path / "series.jsonl"
    with serve(echo_back) as target:
        running = probe("--timeseries", series, target)
        wait_for_text(series, lambda text: text.count("\n") > 2)
        limit_files(running.run, 1)
        deadline = time.monotonic() + HANG_TIMEOUT
        while not any("EFBIG" in line for line in running.lines):
            assert time.monotonic() < deadline
            time.sleep(0.02)  # there is no event for an interval
        assert running.stop()[0] == 0


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


# The line of a plugin.


def plugin(*arguments):
    ended = echoload("--format", "nagios", "-c", "1", *arguments)
    assert ended.err == ""
    assert re.fullmatch(r"ECHOLOAD (OK|WARNING|CRITICAL|UNKNOWN) - [^\n|]+( \| [^\n|]+)?\n", ended.out)
    return ended.code, ended.out


def test_a_good_run_is_ok():
    with serve(echo_back) as target:
        code, line = plugin("-n", "100", "--slo", "p50<10s,errors<1%", target)
    assert code == 0
    assert line.startswith(f"ECHOLOAD OK - {target}: 100 messages echoed, p50 ")
    data = dict(item.split("=") for item in line.partition(" | ")[2].split())
    assert {"rate", "p50", "p99", "max", "sent", "lost", "wrong", "errors"} == set(data)
    assert data["p50"].endswith("s;;10") and data["errors"] == "0%;;1"
    for value in data.values():
        assert re.fullmatch(r"[\d.]+(s|%)?(;;[\d.]+:?)?", value), value


def test_too_few_values_are_a_warning():
    with serve(echo_back) as target:
        code, line = plugin("-n", "10", "--slo", "p99<10s", target)
    assert (code, line.split(" - ")[0]) == (1, "ECHOLOAD WARNING")
    assert "p99 needs at least 100 values" in line


@pytest.mark.parametrize("handler", [flips_a_bit(20), closes_first(1)])
def test_a_wrong_echo_and_a_lost_connection_are_critical(handler):
    with serve(handler) as target:
        code, line = plugin("-n", "10", target)
    assert (code, line.split(" - ")[0]) == (2, "ECHOLOAD CRITICAL")


def test_a_failed_gate_is_critical():
    with serve(echo_back) as target:
        code, line = plugin("-n", "10", "--slo", "p50<1ns", target)
    assert (code, line.split(" - ")[0]) == (2, "ECHOLOAD CRITICAL")
    assert "p50 was " in line


def test_a_server_that_is_down_is_critical():
    with refusing_port() as target:
        code, line = plugin("-n", "10", target)
    assert code == 2
    assert f"{target} ECONNREFUSED" in line


@pytest.mark.parametrize(
    "arguments",
    [("-n", "0", "127.0.0.1:1"), (), ("nowhere",), ("-n", "1", "--output", "/none/x", "127.0.0.1:1")],
)
def test_what_cannot_run_is_unknown(arguments):
    code, line = plugin(*arguments)
    assert (code, line.split(" - ")[0]) == (3, "ECHOLOAD UNKNOWN")


# The series.


def test_a_series_is_appended_to_and_opened_again(tmp_path):
    file, rotated = tmp_path / "series.jsonl", tmp_path / "series.jsonl.1"
    arguments = (*PROBE, "-q", "--reconnect", "--timeseries", file, "--append")

    def lines(path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def wait_for_lines(count):
        deadline = time.monotonic() + HANG_TIMEOUT
        while not file.exists() or file.read_text().count("\n") < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # there is no event for an interval

    with serve(echo_back) as target:
        first = echoload("-q", "-d", "100ms", "-c", "1", "--timeseries", file, "--append", target)
        assert first.code == 0
        before = file.read_text()
        run = start_echoload(*arguments, target)
        wait_for_lines(before.count("\n") + 3)
        file.rename(rotated)
        run.send_signal(signal.SIGHUP)
        wait_for_lines(3)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 0
    assert rotated.read_text().startswith(before)
    both = lines(rotated)[before.count("\n"):] + lines(file)
    assert [line for line in both if "series" in line] == [both[0], lines(file)[0]]
    times = [line["at_s"] for line in both if "at_s" in line]
    assert times == sorted(times) and len(times) >= 5
    intervals = [line for line in both if "at_s" in line]
    assert {line["outages"] for line in intervals} == {0}
    assert {line["out_s"] for line in intervals} == {None}
    longest = max(len(line) for line in file.read_text().splitlines()[1:])
    assert longest < 1024


def wait_for_text(path, predicate):
    deadline = time.monotonic() + HANG_TIMEOUT
    while not (path.exists() and predicate(path.read_text())):
        assert time.monotonic() < deadline, path
        time.sleep(0.02)  # nothing reports a change of it


def wait_for_no_pending_signal(pid):
    wait_for_text(
        pathlib.Path(f"/proc/{pid}/status"),
        lambda text: re.search(r"^ShdPnd:\t0+$", text, re.M) is not None,
    )


@pytest.mark.parametrize("series", [False, True])
def test_a_reload_of_a_probe_without_append_changes_nothing(probe, series, tmp_path):
    file = tmp_path / "series.jsonl"
    with serve(echo_back) as target:
        running = probe(*(["--timeseries", file] if series else []), target)
        before = running.wait_for(lambda samples: verified(samples) > 10, "echoes")
        for _ in range(2):
            running.run.send_signal(signal.SIGHUP)
            wait_for_no_pending_signal(running.run.pid)
        running.wait_for(lambda s: verified(s) > verified(before) + 20, "it to continue")
        assert running.stop()[0] == 0
    if series:
        assert file.read_text().count('"schema"') == 1


def test_a_hangup_before_a_probe_begins_does_not_end_it(tmp_path):
    fifo, metrics = tmp_path / "fifo", tmp_path / "x.prom"
    os.mkfifo(fifo)
    with serve(echo_back) as target:
        run = start_echoload(*PROBE, "-q", "--metrics-file", metrics, "-o", fifo, target)
        try:
            blocked = 1 << (signal.SIGHUP - 1)
            wait_for_text(
                pathlib.Path(f"/proc/{run.pid}/status"),
                lambda status: int(re.search(r"SigBlk:\t(\w+)", status)[1], 16) & blocked,
            )
            run.send_signal(signal.SIGHUP)
            # Where the program has ended, opening it in the usual way would wait for ever.
            with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)) as result:
                wait_for_text(metrics, lambda text: re.search(r'"verified"} [1-9]', text))
                run.send_signal(signal.SIGTERM)
                assert run.wait(HANG_TIMEOUT) == 0
                assert "verdict     ok" in result.read()
        finally:
            run.kill()
            run.communicate()


def test_a_hangup_ends_a_run_without_an_end_that_is_no_probe():
    with serve(echo_back) as target:
        run = start_echoload(*PROBE, target)
        try:
            while " 1 up " not in (line := run.stderr.readline()):
                assert line, "the run has ended"
            run.send_signal(signal.SIGHUP)
            out = run.communicate(timeout=HANG_TIMEOUT)[0]
        finally:
            run.kill()
    assert run.returncode == 0 and "verdict     ok" in out


def test_append_needs_a_series():
    ended = echoload("--append", "127.0.0.1:1")
    assert ended.code == 2
    assert "--append requires --timeseries" in ended.err


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


@pytest.mark.parametrize("arguments", [("search", "--slo", "p99<5ms"), ("sweep", "--rates", "1:2:2")])
def test_the_line_of_a_plugin_is_of_one_run(arguments):
    ended = echoload(*arguments, "--format", "nagios", "127.0.0.1:1")
    assert ended.code == 2
    assert "--format: must be text or json, is 'nagios'" in ended.err
