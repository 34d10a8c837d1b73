# SPDX-License-Identifier: MIT
"""The control socket: its replies, and its effect on other clients."""

import json
import os
import stat

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
    assert "reload, status, stats json, stats openmetrics" in answer
