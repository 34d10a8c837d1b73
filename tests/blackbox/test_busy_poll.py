# SPDX-License-Identifier: MIT
"""loop.busy_poll: polling before the loop sleeps. Whatever it is set to, everything is served."""

import json
import os
import signal
import time

import pytest
from wire import TIMEOUT, message

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


def test_auto_polls_while_echoes_follow_each_other(echod):
    if os.sysconf("SC_NPROCESSORS_ONLN") == 1:
        assert polling(echod())["window_seconds"] == 0
        return
    daemon = echod(loop={"busy_poll": "auto"})
    client = daemon.connect()
    deadline = time.monotonic() + TIMEOUT
    while polling(daemon)["polled_seconds"] == 0:
        assert time.monotonic() < deadline, "it never polled"
        for _ in range(200):
            client.echo()


def test_auto_does_not_poll_on_a_machine_with_a_single_processor(echod, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounts a list of processors of its own")
    online = tmp_path / "online"
    online.write_text("0\n")
    script = f'mount --bind {online} /sys/devices/system/cpu/online && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    daemon = echod(loop={"busy_poll": "auto"}, prefix=prefix)
    client = daemon.connect()
    for _ in range(2000):
        client.echo()
    assert polling(daemon) == {"auto": True, "window_seconds": 0, "polled_seconds": 0}
    daemon.reload({"loop": {"busy_poll": "1ms"}})
    client.echo()
    client.echo()
    assert polling(daemon)["polled_seconds"] > 0, "a fixed time is kept"


def test_a_timer_of_the_daemon_begins_no_polling(echod):
    # The watchdog is fed every 100 ms: each of these would poll for the 50 ms.
    daemon = echod(loop={"busy_poll": "50ms"}, env={"WATCHDOG_USEC": "200000"})
    client = daemon.connect()
    client.echo()
    assert not client.has_input(0.1)
    before, used = polling(daemon), daemon.cpu_seconds()
    for _ in range(10):
        daemon.wait_for_notification("WATCHDOG=1", after=len(daemon.notifications.datagrams))
    assert daemon.cpu_seconds() - used < 0.25
    # The question is an event, and is polled after.
    assert polling(daemon)["polled_seconds"] - before["polled_seconds"] < 0.2


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
