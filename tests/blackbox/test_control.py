# SPDX-License-Identifier: MIT
"""The control socket: its replies, and its effect on other clients."""

import json
import os
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from echod_daemon import run_echod
from prometheus_client.openmetrics import parser

from wire import message


def exchange(client, count):
    for _ in range(count):
        client.echo(message(b"x" * 100))


def test_the_metrics_are_valid_openmetrics_with_the_values_of_the_json(echod):
    daemon = echod()
    client = daemon.connect()
    exchange(client, 7)
    counters = json.loads(daemon.ask("--stats", "json").stdout)["counters"]
    families = {
        family.name: family
        for family in parser.text_string_to_metric_families(
            daemon.ask("--stats", "openmetrics").stdout
        )
    }
    assert families["echod_messages_sent"].type == "counter"
    assert families["echod_messages_sent"].samples[0].value == counters["messages_out"] == 7
    assert families["echod_sent_bytes"].unit == "bytes"
    assert families["echod_sent_bytes"].samples[0].value == counters["bytes_out"] == 7 * 108
    assert families["echod_connections"].samples[0].value == 1
    reasons = {s.labels["reason"]: s.value for s in families["echod_connections_closed"].samples}
    assert reasons == {
        name.removeprefix("closed_"): value
        for name, value in counters.items()
        if name.startswith("closed_")
    }


def samples_of(text):
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#")
    }


def test_promtool_finds_nothing_in_the_metrics_for_prometheus(echod):
    daemon = echod()
    exchange(daemon.connect(), 3)
    text = daemon.ask("--stats", "prometheus").stdout
    promtool = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, "", "")


def test_all_formats_have_the_same_figures(echod):
    daemon = echod()
    exchange(daemon.connect(), 3)
    formats = {name: daemon.ask("--stats", name).stdout for name in ("openmetrics", "prometheus")}
    names = {name: set(samples_of(text)) for name, text in formats.items()}
    assert names["openmetrics"] == names["prometheus"]
    values = samples_of(formats["prometheus"])
    state = json.loads(daemon.ask("--stats", "json").stdout)
    assert values["process_start_time_seconds"] == state["start_time_seconds"]
    assert values["process_max_fds"] == state["process"]["max_fds"]
    assert values["echod_socket_memory_bytes"] == state["socket_memory_bytes"]
    buckets = [value for name, value in values.items() if name.startswith("echod_turn_seconds_b")]
    assert len(buckets) == len(state["turns"]["counts"]) == len(state["turns"]["up_to_seconds"]) + 1
    assert buckets == sorted(buckets) and buckets[-1] == values["echod_turn_seconds_count"]
    assert 0 < values["echod_turn_seconds_count"] < sum(state["turns"]["counts"])
    assert values["echod_connections_closed_total{reason=\"peer\"}"] == 0


def test_the_process_figures_are_those_of_the_kernel(echod):
    daemon = echod()
    before = time.time()
    process = json.loads(daemon.ask("--stats", "json").stdout)
    assert before - 60 < process["start_time_seconds"] < before
    figures = process["process"]
    # The connection of the request is open while it is answered.
    assert figures["open_fds"] == daemon.open_descriptors() + 1
    assert abs(figures["resident_memory_bytes"] / 1024 - daemon.resident_kib()) < 8192
    limits = open(f"/proc/{daemon.pid}/limits").read()
    assert re.search(rf"^Max open files +{figures['max_fds']} ", limits, re.MULTILINE)


def test_the_result_of_the_last_reload_is_shown_until_the_next_one(echod):
    daemon = echod()

    def last_reload():
        return json.loads(daemon.ask("--stats", "json").stdout)["last_reload"]

    start = last_reload()
    assert start["successful"] and start["time_seconds"] == start["success_time_seconds"]
    daemon.write_config_text("[limits]\nquota_messages = -3\n")
    assert daemon.ask("--reload").returncode == 1
    refused = last_reload()
    assert not refused["successful"]
    assert refused["time_seconds"] > refused["success_time_seconds"] == start["time_seconds"]
    values = samples_of(daemon.ask("--stats", "prometheus").stdout)
    assert values["echod_reload_successful"] == 0
    daemon.write_config({})
    assert daemon.ask("--reload").returncode == 0
    again = last_reload()
    assert again["successful"] and again["time_seconds"] > refused["time_seconds"]


def test_connections_are_counted_by_listener(echod):
    daemon = echod(listen={"addresses": ["127.0.0.1", "::1"]})
    for address, count in zip(daemon.addresses, (2, 3)):
        for _ in range(count):
            exchange(daemon.connect(address), 1)
    state = json.loads(daemon.ask("--stats", "json").stdout)
    names = state["listeners"]
    assert state["listener_connections"] == [
        {"listener": names[0], "connections": 2},
        {"listener": names[1], "connections": 3},
    ]
    assert state["listeners_wanted"] == 2
    missing = {"addresses": ["127.0.0.1", "192.0.2.1"], "port": daemon.addresses[0][1]}
    daemon.reload({"listen": missing})
    deadline = time.monotonic() + 30
    while True:  # the figures are made at most once a second
        state = json.loads(daemon.ask("--stats", "json").stdout)
        if len(state["listener_connections"]) == 2 and state["listener_connections"][1][
            "listener"
        ] == "closed":
            break
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert [one["connections"] for one in state["listener_connections"]] == [2, 3]
    assert (state["listeners_wanted"], len(state["listeners"])) == (2, 1)


def test_the_kernel_memory_of_a_client_that_does_not_read_is_shown(echod):
    daemon = echod()
    client = daemon.connect(receive_buffer=8192)
    exchange(client, 1)
    assert json.loads(daemon.ask("--stats", "json").stdout)["socket_memory_bytes"] < 100_000
    daemon.flood_until_stalled(client, message(bytes(700)))
    deadline = time.monotonic() + 30
    while json.loads(daemon.ask("--stats", "json").stdout)["socket_memory_bytes"] < 100_000:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the figures are made at most once a second


def test_the_status_lists_the_busiest_and_the_oldest(echod):
    daemon = echod()
    clients = []
    for number in range(8):  # in turn, so that their ages differ
        clients.append(daemon.connect())
        exchange(clients[-1], number + 1)
    state = json.loads(daemon.ask("--stats", "json").stdout)
    names = ["%s:%d" % client.socket.getsockname()[:2] for client in clients]
    assert [each["peer"] for each in state["busiest"]] == names[:2:-1]
    assert [each["messages"] for each in state["busiest"]] == [8, 7, 6, 5, 4]
    assert [each["peer"] for each in state["oldest"]] == names[:5]
    screen = daemon.ask("--status").stdout
    assert "8 open of" in screen
    assert all(name in screen for name in names)


def test_the_control_socket_has_mode_0660_and_is_removed_at_exit(echod):
    daemon = echod()
    assert stat.S_IMODE(os.stat(daemon.control_path).st_mode) == 0o660
    assert daemon.stop() == 0
    assert not daemon.control_path.exists()


def test_silent_control_clients_do_not_delay_other_clients(echod):
    daemon = echod()
    client = daemon.connect()
    hostile = [daemon.connect(str(daemon.control_path)) for _ in range(8)]
    for control_client in hostile[:4]:
        control_client.send(b"stats openmetrics\n")
    exchange(client, 200)
    for control_client in hostile:
        control_client.close()
    assert daemon.ask("--status").returncode == 0


def test_an_unknown_command_gets_the_list_of_commands(echod):
    daemon = echod()
    control_client = daemon.connect(str(daemon.control_path))
    control_client.send(b"halt\n")
    answer = control_client.receive_until_eof().decode()
    assert answer.startswith("error\n")
    assert "reload, status, stats json, stats openmetrics, stats prometheus" in answer


def stats_path(daemon):
    return f"{daemon.control_path}.stats"


def test_the_statistics_socket_is_open_to_everyone_and_removed_at_exit(echod):
    daemon = echod()
    path = stats_path(daemon)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    assert daemon.stop() == 0
    assert not os.path.exists(path)


def test_beside_control_sock_it_is_stats_sock(echod, tmp_path):
    echod(control=tmp_path / "control.sock")
    assert sorted(path.name for path in tmp_path.glob("*.sock")) == ["control.sock", "stats.sock"]


@pytest.mark.parametrize("command", [b"reload", b"drain", b"", b"stats xml", b"status\0"])
def test_the_statistics_socket_refuses_what_is_not_a_question(echod, command):
    daemon = echod()
    daemon.write_config_text("[limits]\nquota_messages = -3\n")  # a reload would log its error
    client = daemon.connect(stats_path(daemon))
    client.send(command + b"\n")
    answer = client.receive_until_eof().decode()
    assert answer.startswith("error\nrefused: the statistics socket is read-only and answers: status")
    assert answer.count("\n") == 2
    assert json.loads(daemon.ask("--stats", "json").stdout)["last_reload"]["successful"]


def test_both_sockets_give_the_same_answers(echod):
    daemon = echod()
    exchange(daemon.connect(), 2)

    def names(text):
        return {line.rpartition(" ")[0] for line in text.splitlines()}

    client = daemon.connect(stats_path(daemon))
    client.send(b"stats prometheus\n")
    answer = client.receive_until_eof().decode()
    assert answer.startswith("ok\n")
    assert names(answer[3:]) == names(daemon.ask("--stats", "prometheus").stdout)


def test_clients_of_the_statistics_socket_do_not_keep_those_of_the_control_socket_out(echod):
    daemon = echod()
    for _ in range(8):
        daemon.connect(stats_path(daemon)).send(b"stats open")
    assert daemon.ask("--status").returncode == 0
    assert daemon.ask("--reload").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_a_user_who_may_not_use_the_control_socket_gets_the_statistics(echod):
    with tempfile.TemporaryDirectory() as directory:  # tmp_path is closed to other users
        os.chmod(directory, 0o755)
        daemon = echod(control=Path(directory) / "control.sock")
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}

        def ask(*arguments):
            return run_echod(*arguments, "--control", daemon.control_path, **nobody)

        assert "serving for" in ask("--status").stdout
        assert json.loads(ask("--stats", "json").stdout)["pid"] == daemon.pid
        refused = ask("--reload")
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1 and "EACCES" in refused.stderr
        assert daemon.stop() == 0


def test_a_path_that_is_too_long_for_the_statistics_socket_costs_only_that(echod, tmp_path):
    path = tmp_path / ("n" * (107 - len(str(tmp_path)) - 1))
    daemon = echod(control=path)
    assert daemon.wait_for_line("no statistics socket: .* the path is longer than 107 bytes")
    assert daemon.ask("--status").returncode == 0
