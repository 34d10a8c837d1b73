# SPDX-License-Identifier: MIT
"""echoload --format nagios: the line of a monitoring plugin."""

import re

import pytest
from echoload_support import closes_first, echo_back, echoload, flips_a_bit, refusing_port, serve


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


@pytest.mark.parametrize("arguments", [("search", "--slo", "p99<5ms"), ("sweep", "--rates", "1:2:2")])
def test_the_line_of_a_plugin_is_of_one_run(arguments):
    ended = echoload(*arguments, "--format", "nagios", "127.0.0.1:1")
    assert ended.code == 2
    assert "--format: must be text or json, is 'nagios'" in ended.err
