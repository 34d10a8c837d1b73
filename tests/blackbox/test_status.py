# SPDX-License-Identifier: MIT
"""echod --status of several instances, and --watch."""

import os
import pty
import re
import signal
import subprocess

import pytest
from echod_daemon import ECHOD, TIMEOUT, VERSION, clean_environment

# In a mount namespace in which tmp_path is /run.
IN_NAMESPACE = [
    "unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /run && exec "$@"',
]  # fmt: skip


def in_run(tmp_path, *arguments):
    return [*IN_NAMESPACE, tmp_path, ECHOD, *arguments]


def status(tmp_path, *arguments):
    return subprocess.run(
        in_run(tmp_path, "--status", *arguments), env=clean_environment(),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


@pytest.fixture
def instance(echod, tmp_path):
    def start(name):
        (tmp_path / name).mkdir(exist_ok=True)
        return echod(control=tmp_path / name / "control.sock")

    return start


@pytest.fixture
def watch(tmp_path):
    """Starts --status --watch; yields a function that reads until a pattern is there."""
    processes = []

    def start(stdout):
        process = subprocess.Popen(
            in_run(tmp_path, "--status", "--watch"), env=clean_environment(),
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()
        if process.stdout:
            process.stdout.close()


def read_until(fd, pattern):
    text = ""
    while not re.search(pattern, text, re.DOTALL):
        part = os.read(fd, 65536)
        assert part, text
        text += part.decode()
    return text


def test_one_instance_is_shown_without_a_heading(instance, tmp_path):
    daemon = instance("echod-7")
    shown = status(tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"echod {VERSION}, pid {daemon.pid}, serving for ")


def test_all_instances_are_shown_under_their_names(instance, tmp_path):
    daemons = {name: instance(name) for name in ("echod-10", "echod-9", "echod")}
    shown = status(tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    heads = re.findall(rf"^(echod(?:@\d+)?):\nechod {VERSION}, pid (\d+), ", shown.stdout, re.M)
    assert heads == [
        ("echod", str(daemons["echod"].pid)),
        ("echod@9", str(daemons["echod-9"].pid)),
        ("echod@10", str(daemons["echod-10"].pid)),
    ]


def test_one_that_does_not_answer_does_not_hide_the_others(instance, tmp_path):
    instance("echod-1")
    killed = instance("echod-2")
    killed.process.kill()
    killed.process.wait()
    killed.expected_exit = -signal.SIGKILL
    shown = status(tmp_path)
    assert shown.returncode == 1
    assert f"echod@1:\nechod {VERSION}" in shown.stdout
    assert "echod@2:\ncontrol socket /run/echod-2/control.sock: no echod answers" in shown.stdout


def test_without_any_instance_the_default_is_named(tmp_path):
    shown = status(tmp_path)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "control socket /run/echod/control.sock: no echod answers" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_control_shows_that_one_alone(instance, tmp_path):
    instance("echod-1")
    daemon = instance("echod-2")
    shown = status(tmp_path, "--control", "/run/echod-2/control.sock")
    assert shown.stdout.startswith(f"echod {VERSION}, pid {daemon.pid}, ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_prints_again_every_second_until_a_signal(instance, watch, number):
    daemon = instance("echod")
    process = watch(subprocess.PIPE)
    fd = process.stdout.fileno()
    assert "connections  0 open" in read_until(fd, "loop  .*\n\n")
    daemon.connect().echo()
    read_until(fd, "connections  1 open.*loop  ")
    process.send_signal(number)
    assert process.wait(TIMEOUT) == 0


def test_watch_shows_instances_that_start_and_end(instance, watch):
    first = instance("echod-1")
    process = watch(subprocess.PIPE)
    fd = process.stdout.fileno()
    read_until(fd, f"pid {first.pid}, ")
    second = instance("echod-2")
    read_until(fd, f"echod@1:.*pid {first.pid}, .*echod@2:.*pid {second.pid}, ")
    first.stop()
    read_until(fd, f"\n\nechod {VERSION}, pid {second.pid}, ")
    second.stop()
    read_until(fd, "no echod answers")
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0


def test_watch_redraws_a_terminal_in_place(instance, watch):
    instance("echod")
    controller, terminal = pty.openpty()
    process = watch(terminal)
    os.close(terminal)
    drawn = read_until(controller, rf"(\x1b\[Hechod {VERSION}, .*){{2}}")
    assert drawn.startswith("\x1b[2J")
    assert "serving" in drawn and "\x1b[K" in drawn and "\x1b[J" in drawn
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0
    os.close(controller)


def test_watch_ends_where_its_output_is_not_read(instance, watch):
    instance("echod")
    process = watch(subprocess.PIPE)
    read_until(process.stdout.fileno(), f"echod {VERSION}")
    process.stdout.close()
    assert process.wait(TIMEOUT) != 0
