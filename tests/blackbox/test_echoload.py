# SPDX-License-Identifier: MIT
"""echoload with correct and faulty servers: its output, figures and exit codes."""

import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from echoload_support import (
    HANG_TIMEOUT,
    adds,
    byte_by_byte,
    closes_after,
    echo_back,
    echoload,
    flips_a_bit,
    keeps,
    mute,
    received,
    refusing_port,
    resets,
    result_of,
    serve,
    start_echoload,
)


def check_counts(report):
    """Every message sent is counted once, and so is every connection."""
    messages = report["messages"]
    assert messages["sent"] == sum(
        messages[key] for key in ("verified", "wrong", "timed_out", "lost", "in_flight_at_end")
    ), messages
    connections = report["connections"]
    assert connections["asked"] == sum(
        connections[key] for key in ("up", "failed", "not_tried")
    ), connections
    # A closed loop's latency covers what was in flight at the beginning, and what timed out.
    beyond_the_measured = (
        report["latency"]["count"] - messages["measured"] - messages["carried_over"]
    )
    assert 0 <= beyond_the_measured <= messages["timed_out"]


# --- correct servers


@pytest.mark.parametrize("sizes", ["uniform:0-1016", "fixed:0", "list:0:1,8:5,1016:1", "edges"])
def test_every_echo_of_a_correct_server_is_verified(sizes):
    with serve(echo_back) as target:
        ended = echoload(
            *("-c", 5, "-n", 500, "-p", 3, "--sizes", sizes, "-q", "--format", "json", target)
        )
    assert ended.code == 0, ended
    assert ended.err == ""
    report = ended.json
    check_counts(report)
    assert report["messages"]["verified"] == 500
    assert report["messages"]["measured"] == 500
    assert report["latency"]["count"] == 500
    assert report["bytes"]["sent"] == report["bytes"]["received"]
    assert report["errors"] == [] and report["mismatches"] == []
    assert report["verdict"] == {"outcome": "ok", "exit_code": 0, "reasons": []}
    assert 0 < report["latency"]["p50_ns"] <= report["latency"]["max_ns"]


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_cat_behind_socat_is_an_echo_server(kind, tmp_path):
    if kind == "unix":
        path = tmp_path / "cat.sock"
        listen, target = f"UNIX-LISTEN:{path},fork,backlog=64", f"unix:{path}"
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=64"
        target = f"127.0.0.1:{port}"
    command = ["socat", "-d", "-d", listen, "EXEC:cat"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as socat:
        try:
            for line in socat.stderr:
                if "listening on" in line:
                    break
            ended = echoload("-c", 8, "-d", "300ms", "--format", "json", target)
        finally:
            socat.terminate()
            socat.stderr.close()
    assert ended.code == 0, ended
    check_counts(ended.json)
    assert ended.json["messages"]["verified"] > 0


def test_echoes_that_arrive_byte_by_byte_are_reassembled():
    with serve(byte_by_byte) as target:
        ended = echoload("-c", 2, "-n", 20, "-p", 4, "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["messages"]["verified"] == 20


def test_a_run_ends_on_time_and_waits_for_messages_in_flight():
    def slow(connection, _number):
        for data in received(connection):
            time.sleep(0.1)
            connection.sendall(data)

    with serve(slow) as target:
        ended = echoload("-c", 3, "-d", "250ms", "--format", "json", target)
    assert ended.code == 0, ended
    report = ended.json
    check_counts(report)
    assert report["messages"]["sent"] == report["messages"]["verified"] > 0
    assert report["window_s"] == pytest.approx(0.25)
    assert report["elapsed_s"] >= 0.25


def test_more_connections_than_messages_are_all_opened():
    with serve(echo_back) as target:
        ended = echoload("-c", 20, "-n", 5, "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["connections"]["up"] == ended.json["connections"]["peak"] == 20
    assert ended.json["messages"]["sent"] == 5


def test_several_targets_share_the_connections():
    numbers = ([], [])
    with serve(lambda c, n: (numbers[0].append(n), echo_back(c))) as one:
        with serve(
            lambda c, n: (numbers[1].append(n), echo_back(c)), socket.AF_INET6, ("::1", 0)
        ) as other:
            ended = echoload("-c", 6, "-n", 60, one, other)
    assert ended.code == 0, ended
    assert [len(each) for each in numbers] == [3, 3]


def test_a_name_is_connected_at_the_address_that_accepts():
    found = {each[:1] + each[4][:1] for each in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    for family, host in found:  # one or two addresses; the server listens on one
        with serve(echo_back, family, (host, 0)) as target:
            ended = echoload("-c", 3, "-n", 30, "localhost:" + target.rsplit(":", 1)[1])
        assert ended.code == 0, ended


def test_a_unix_socket_with_a_full_backlog_is_retried(tmp_path):
    address = str(tmp_path / "small.sock")
    with serve(echo_back, socket.AF_UNIX, address, backlog=0) as target:
        ended = echoload("-c", 40, "-n", 400, "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["connections"]["up"] == 40


def test_warm_up_is_verified_and_not_measured():
    with serve(echo_back) as target:
        ended = echoload(
            "-c", 2, "-n", 100, "--warmup", "100ms", "--format", "json", "--seed", 7, target
        )
    assert ended.code == 0, ended
    messages = ended.json["messages"]
    assert messages["measured"] == 100
    # What was in flight at the beginning is no message of the measured part, but in the latency.
    assert 0 <= messages["carried_over"] <= 2
    assert ended.json["latency"]["count"] == 100 + messages["carried_over"]
    assert messages["verified"] > 100
    assert ended.json["seed"] == 7


def test_connections_are_opened_at_the_configured_rate():
    with serve(echo_back) as target:
        ended = echoload(
            "-c", 21, "-n", 21, "--connect-rate", 100, "--format", "json", target
        )
    assert ended.code == 0, ended
    assert ended.json["ramp_up_s"] >= 0.2  # the 21st is due 20 / 100 s after the first


def test_the_same_seed_sends_the_same_bytes_and_another_seed_different_ones():
    streams = []
    for seed in (1, 1, 2):
        with serve(keeps(streams)) as target:
            assert echoload("-c", 1, "-n", 50, "--seed", seed, target).code == 0
    assert len(streams) == 3 and len(streams[0]) > 1000
    assert streams[0] == streams[1]
    assert streams[0] != streams[2]


# --- faulty servers


@pytest.mark.parametrize("at", [0, 5, 8, 700])
def test_one_flipped_bit_is_found_and_shown(at):
    with serve(flips_a_bit(at)) as target:
        arguments = ["-c", 1, "-n", 100, "--sizes", "fixed:100", "--seed", 3]
        ended = echoload(*arguments, target)
        report = echoload(*arguments, "--format", "json", target).json
    assert ended.code == 4, ended
    assert "corrupt echo on connection 0 (127.0.0.1:" in ended.out
    assert f"message {at // 108} of 108 bytes: first wrong byte at offset {at % 108}" in ended.out
    assert "expected\n" in ended.out and "received\n" in ended.out
    assert "verdict     wrong echo (exit 4): 1 echo was wrong" in ended.out
    check_counts(report)
    assert report["messages"]["wrong"] == 1
    wrong = report["mismatches"][0]
    assert (wrong["kind"], wrong["sequence"], wrong["offset"]) == ("corrupt", at // 108, at % 108)
    assert wrong["local"].startswith("127.0.0.1:") and wrong["peer"] == target
    expected, got = bytes.fromhex(wrong["expected_hex"]), bytes.fromhex(wrong["received_hex"])
    differing = [i for i in range(min(len(expected), len(got))) if expected[i] != got[i]]
    assert differing == [wrong["offset"] - wrong["excerpt_offset"]]
    assert expected[differing[0]] ^ got[differing[0]] == 1


def test_bytes_after_an_echo_are_classified_as_extra():
    with serve(adds(b"!")) as target:
        ended = echoload("-c", 1, "-n", 1, target)
    assert ended.code == 4, ended
    assert "extra echo on connection 0" in ended.out
    assert "21 " in ended.out and "|!|" in ended.out


def test_a_server_that_closes_early_is_reported_and_the_others_continue():
    def first_closes(connection, number):
        if number == 0:
            closes_after(100)(connection)
        else:
            echo_back(connection)

    with serve(first_closes) as target:
        ended = echoload(
            "-c", 4, "-n", 400, "--sizes", "fixed:92", "--format", "json", "-p", 2, target
        )
    assert ended.code == 5, ended
    report = ended.json
    check_counts(report)
    assert {"phase": "close", "error": "EOF", "count": 1} in report["errors"] or {
        "phase": "read",
        "error": "ECONNRESET",
        "count": 1,
    } in report["errors"]
    assert report["connections"]["ended_early"] == 1
    assert report["messages"]["lost"] >= 1
    assert report["messages"]["verified"] >= 390
    assert "1 of 4 connections ended early" in report["verdict"]["reasons"]


def test_end_of_file_in_the_middle_of_an_echo_is_reported():
    with serve(closes_after(50)) as target:
        ended = echoload("-c", 1, "-n", 10, "--sizes", "fixed:92", target)
    assert ended.code == 4, ended
    assert "close            1  EOF (closed by the server)" in ended.out
    assert "message 0 of 100 bytes: 50 bytes of it came, then the server closed" in ended.out
    assert "verdict     wrong echo (exit 4): 1 echo was wrong" in ended.out


def test_a_server_that_closes_at_once_causes_no_crash_and_no_hang():
    with serve(lambda connection, number: None) as target:
        ended = echoload("-c", 30, "-d", "10s", "--format", "json", target)
    assert ended.code == 5, ended
    check_counts(ended.json)
    assert ended.json["connections"]["ended_early"] == 30
    assert ended.json["elapsed_s"] < 10  # ends early without connections


def test_a_reset_is_reported():
    with serve(resets) as target:
        ended = echoload("-c", 3, "-n", 30, "--format", "json", target)
    assert ended.code == 5, ended
    check_counts(ended.json)
    assert sum(e["count"] for e in ended.json["errors"] if e["error"] == "ECONNRESET") == 3


def test_a_server_that_never_echoes_times_out():
    with serve(mute) as target:
        ended = echoload(
            "-c", 3, "-p", 2, "-d", "5s", "--timeout", "200ms", "--format", "json", target
        )
    assert ended.code == 5, ended
    report = ended.json
    check_counts(report)
    assert report["errors"] == [{"phase": "timeout", "error": "ETIMEDOUT", "count": 3}]
    assert report["messages"]["timed_out"] + report["messages"]["lost"] == 6
    assert report["messages"]["verified"] == 0
    assert "messages not answered within 200ms" in " ".join(report["verdict"]["reasons"])


def test_a_timed_out_message_is_in_the_histogram_with_its_age():
    with serve(mute) as target:
        ended = echoload("-c", 2, "-n", 2, "--timeout", "100ms", "--format", "json", target)
    assert ended.code == 5, ended
    check_counts(ended.json)
    assert ended.json["latency"]["count"] == 2
    assert ended.json["latency"]["min_ns"] >= 100_000_000


def test_a_server_that_never_reads_times_out_and_does_not_hang():
    def never_reads(connection, _number):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stop.wait(HANG_TIMEOUT)

    stop = threading.Event()
    with serve(never_reads) as target:
        ended = echoload(
            *("-c", 2, "-p", 65536, "--sizes", "fixed:1016", "-d", "5s"),
            *("--timeout", "300ms", "--format", "json", target),
        )
        stop.set()
    assert ended.code == 5, ended
    check_counts(ended.json)
    assert ended.json["messages"]["timed_out"] > 0


# --- impossible runs


def test_a_refused_connect_exits_with_1_and_is_reported():
    with refusing_port() as target:
        ended = echoload("-c", 7, "-d", "10s", target)
        report = echoload("-c", 7, "-d", "10s", "--format", "json", target).json
    assert ended.code == 1, ended
    assert "connect          7  ECONNREFUSED (Connection refused)" in ended.out
    assert "verdict     not possible (exit 1): no connection could be made" in ended.out
    check_counts(report)
    assert report["connections"]["failed"] == 7
    assert report["rate"] == {"messages_per_s": None, "bytes_per_s": None}
    assert report["latency"]["p99_ns"] is None
    assert report["verdict"]["exit_code"] == 1


def test_the_load_is_not_delivered_if_one_of_two_targets_refuses():
    with refusing_port() as dead, serve(echo_back) as alive:
        ended = echoload("-c", 6, "-n", 60, "--format", "json", dead, alive)
    assert ended.code == 5, ended
    check_counts(ended.json)
    assert ended.json["connections"]["failed"] == 3
    assert ended.json["messages"]["verified"] == 60
    assert ended.json["verdict"]["reasons"] == ["3 of 6 connections failed"]


def test_more_connections_than_descriptors_are_refused_before_the_start():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    accepted = []
    with serve(lambda c, n: accepted.append(n)) as target:
        ended = echoload("-c", 1000, target, preexec_fn=few)
        report = echoload("-c", 1000, "--format", "json", target, preexec_fn=few)
    assert ended.code == report.code == 1, ended
    assert ended.out == ""
    assert "RLIMIT_NOFILE" in ended.err and "at most 30 connections" in ended.err
    assert "ulimit -Hn 1034" in ended.err and ended.err.count("\n") == 1
    assert report.json["connections"] is None
    assert report.json["verdict"]["exit_code"] == 1
    assert accepted == []


def test_the_soft_limit_of_descriptors_is_raised():
    def soft():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))

    with serve(echo_back) as target:
        ended = echoload("-c", 100, "-n", 100, target, preexec_fn=soft)
    assert ended.code == 0, ended


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        ([], 2, "TARGET is required"),
        (["127.0.0.1"], 2, "the port is missing"),
        (["127.0.0.1:99999"], 2, "1 to 65535"),
        (["http://127.0.0.1:80"], 2, "host:port"),
        (["--warmupp", "1s", "127.0.0.1:1"], 2, "did you mean --warmup?"),
        (["comparr", "a.json", "b.json"], 2, "no command and no target; did you mean compare?"),
        (["::1:80"], 2, "brackets"),
        (["-c", "0", "127.0.0.1:1"], 2, "--connections: must be 1 to"),
        (["-d", "1s", "-n", "5", "127.0.0.1:1"], 2, "--duration"),
        (["--sizes", "fixed:2000", "127.0.0.1:1"], 2, "--sizes"),
        (["no-such-host.invalid:80"], 1, "cannot resolve"),
        (["-o", "/no/such/directory/x", "127.0.0.1:1"], 1, "cannot write /no/such/directory/x"),
    ],
)
def test_a_run_that_is_not_possible_gives_one_line(arguments, code, words):
    ended = echoload(*arguments)
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.startswith("echoload: ") and words in ended.err, ended
    assert ended.err.count("\n") == 1


def test_help_and_version_exit_with_0():
    help_text = echoload("--help")
    assert help_text.code == 0 and "TARGET" in help_text.out and help_text.err == ""
    version = echoload("--version")
    assert version.code == 0 and version.out.startswith("echoload ") and version.err == ""


# --- output and signals


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_a_report(number, code):
    with serve(echo_back) as target:
        run = start_echoload("-c", 3, "-d", "1h", "--interval", "20ms", "--format", "json", target)
        for line in run.stderr:
            if "p99" in line:  # it measures
                break
        run.send_signal(number)
        out, _ = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == code
    report = result_of(out)
    check_counts(report)
    assert report["messages"]["verified"] > 0
    assert report["verdict"]["exit_code"] == code
    assert report["verdict"]["reasons"] == [f"interrupted by {number.name}"]


def test_a_second_signal_ends_the_run_without_waiting_for_echoes():
    with serve(mute) as target:
        run = start_echoload("-c", 3, "-d", "1h", "--timeout", "1h", "--interval", "20ms", target)
        run.stderr.readline()
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)
        out, _ = run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode in (130, 143)
    assert "in flight at the end 3" in out


def test_one_line_per_interval_is_printed_unless_quiet():
    with serve(echo_back) as target:
        loud = echoload("-c", 2, "-d", "300ms", "--interval", "50ms", target)
        usual = echoload("-c", 2, "-d", "1900ms", target)
        quiet = echoload("-c", 2, "-n", 2000, "--interval", "10ms", "-q", target)
    assert loud.code == usual.code == quiet.code == 0
    lines = loud.err.splitlines()
    assert len(lines) >= 2 and all("2 up" in line for line in lines[1:]), loud
    lines = usual.err.splitlines()
    assert len(lines) >= 2 and any("p99" in line for line in lines), "one second, and the rest"
    assert "verdict     ok" in usual.out
    assert quiet.err == "" and quiet.out == ""


def test_quiet_still_reports_errors():
    with serve(flips_a_bit(3)) as target:
        ended = echoload("-c", 1, "-n", 10, "-q", target)
    assert ended.code == 4
    assert ended.out == ""
    assert "corrupt echo" in ended.err and "exit 4" in ended.err


def test_the_result_is_written_to_the_output_file(tmp_path):
    file = pathlib.Path(tmp_path / "result.json")
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-n", 10, "-q", "--format", "json", "-o", file, target)
    assert ended.code == 0 and ended.out == "" and ended.err == "", ended
    assert '"verified": 10' in file.read_text()


def test_a_result_that_cannot_be_written_is_an_error():
    with serve(echo_back) as target:
        ended = echoload("-c", 1, "-n", 10, "-o", "/dev/full", target)
    assert ended.code == 1
    assert "cannot write /dev/full: ENOSPC" in ended.err
