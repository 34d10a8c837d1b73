# SPDX-License-Identifier: MIT
"""loop.busy_poll: polling before the loop sleeps. Whatever it is set to, everything is served."""

import json
import signal

import pytest
from wire import message

SETTINGS = ["0", "200us", "1s", "auto"]


def polling(daemon):
    return json.loads(daemon.ask("--stats", "json").stdout)["busy_poll"]


@pytest.fixture(params=SETTINGS)
def daemon(request, echod):
    return echod(loop={"busy_poll": request.param}, timeouts={"idle": "300ms"},
                 stats={"interval": "100ms"})


def test_everything_is_served_with_every_setting(daemon):
    clients = [daemon.connect() for _ in range(3)]
    for _ in range(20):
        for client in clients:
            client.echo()
    daemon.wait_for_line("statistics of .*messages_out=")
    daemon.send_signal(signal.SIGUSR1)
    daemon.wait_for_line("statistics of")
    assert daemon.ask("--status").stdout.count("polling ") == 1
    for client in clients:
        assert client.receive_until_eof() == b""  # idle
    assert daemon.stop() == 0


def test_a_stop_drains_with_every_setting(daemon):
    client = daemon.connect()
    client.echo()
    client.send(message(b"the last one"))
    daemon.send_signal(signal.SIGTERM)
    assert client.receive_until_eof() == message(b"the last one")
    assert daemon.wait() == 0


def test_a_reload_changes_the_setting(echod):
    daemon = echod(loop={"busy_poll": "0"})
    client = daemon.connect()
    client.echo()
    assert polling(daemon) == {"auto": False, "window_seconds": 0, "polled_seconds": 0}
    daemon.reload({"loop": {"busy_poll": "10ms"}})
    client.echo()
    client.echo()
    found = polling(daemon)
    assert found["window_seconds"] == 0.01
    assert 0 < found["polled_seconds"] < 1
    daemon.reload({"loop": {"busy_poll": "auto"}})
    client.echo()
    found = polling(daemon)
    assert found["auto"] and found["window_seconds"] <= 50e-6


@pytest.mark.parametrize("setting", SETTINGS[1:])
def test_an_idle_daemon_sleeps(echod, setting):
    daemon = echod(loop={"busy_poll": setting}, timeouts={"idle": "0"})
    client = daemon.connect()
    client.echo()
    assert not client.has_input(1.2)  # longer than the longest of the settings
    sleeps, used = daemon.sleeps(), daemon.cpu_seconds()
    assert not client.has_input(0.5)
    assert daemon.cpu_seconds() - used < 0.1
    assert daemon.sleeps() - sleeps <= 1
