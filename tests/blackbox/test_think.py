# SPDX-License-Identifier: MIT
"""A closed loop of echoload whose connections pause after an echo."""

import threading

import pytest
from echoload_support import echo_back, echoload, received, serve


@pytest.mark.parametrize("pipeline", [1, 3])
def test_a_connection_pauses_after_an_echo(pipeline):
    with serve(echo_back) as target:
        arguments = ["-c", 1, "-p", pipeline, "-n", 5 * pipeline, "--think", "50ms"]
        ended = echoload(*arguments, "--format", "json", target)
    assert ended.code == 0, ended
    # Five messages in turn have four pauses, regardless of others in flight.
    assert ended.json["window_s"] >= 4 * 0.05
    assert ended.json["messages"]["verified"] == 5 * pipeline


def test_the_pauses_limit_the_rate():
    with serve(echo_back) as target:
        arguments = ["-c", 4, "-p", 2, "-d", "450ms", "--think", "100ms"]
        ended = echoload(*arguments, "--format", "json", target)
    assert ended.code == 0, ended
    assert 8 <= ended.json["messages"]["measured"] <= 4 * 2 * 5


def test_a_replaced_connection_does_not_pause():
    opened = threading.Event()

    def one(connection, number):
        for data in received(connection):
            connection.sendall(data)
        if number == 9:
            opened.set()

    with serve(one) as target:
        arguments = ["-c", 1, "-n", 10, "--conn-messages", 1, "--think", "1h", target]
        assert echoload(*arguments).code == 0
        assert opened.wait(60)
