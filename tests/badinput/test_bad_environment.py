# SPDX-License-Identifier: MIT
"""Invalid variables of the service manager and control sockets: exit status 1 and one line.

Passed sockets are tested in tests/blackbox/test_activation.py.
"""

import contextlib
import os
import socket
import time

import pytest
from echod_daemon import BASE, Echod, launched, merged, to_toml
from refusal import CONFIG, ECHOD, FAILURE, error_lines, run

WATCHDOGS = ["soon", "-1", "0", "", "1.5", "1", "99999999999999999999999"]
NO_PROCESSES = ["soon", "-1", "0", "", "1.5", "99999999999", "1 2", "99999999999999999999"]


def config_file(tmp_path, **sections):
    path = tmp_path / "echod.toml"
    path.write_text(to_toml(merged(BASE, sections)))
    return path


def refused(tmp_path, *options, **sections):
    """Runs echod with the `options` of launch.py; returns the one error line."""
    command = [*launched(*options), ECHOD, "--config", config_file(tmp_path, **sections)]
    command += ["--control", tmp_path / "control"]
    status, lines, output = run(*command)
    assert (status, output) == (FAILURE, ""), lines
    errors = error_lines(lines)
    assert len(errors) == 1, lines
    assert not (tmp_path / "control").exists(), "it left a socket behind"
    return errors[0]


@pytest.mark.parametrize("value", WATCHDOGS)
def test_an_invalid_watchdog_interval_is_refused_by_name(tmp_path, value):
    assert "WATCHDOG_USEC" in refused(tmp_path, f"--env=WATCHDOG_USEC={value}")


@pytest.mark.parametrize("value", NO_PROCESSES)
def test_an_invalid_watchdog_pid_is_refused_by_name(tmp_path, value):
    options = ("--env=WATCHDOG_USEC=1000000", f"--env=WATCHDOG_PID={value}")
    assert "WATCHDOG_PID" in refused(tmp_path, *options)


def test_no_keep_alive_is_sent_for_another_process(tmp_path):
    daemon = Echod(tmp_path, env={"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    try:
        begun = time.monotonic()
        while time.monotonic() - begun < 0.3:  # three times the interval
            daemon.statistics()
        assert not [each for each in daemon.notifications.datagrams if "WATCHDOG=1" in each]
    finally:
        daemon.finish()


def test_a_watchdog_interval_of_a_thousand_years_does_not_spin(tmp_path):
    daemon = Echod(tmp_path, env={"WATCHDOG_USEC": "18446744073709551614"})
    try:
        daemon.connect().echo()
        count = len(daemon.notifications.datagrams)
        daemon.statistics()
        assert "WATCHDOG=1" not in daemon.notifications.datagrams[count:]
    finally:
        daemon.finish()


def refused_control(tmp_path, path):
    command = [ECHOD, "--config", config_file(tmp_path), "--control", path]
    status, lines, output = run(*command)
    assert (status, output) == (FAILURE, ""), lines
    errors = error_lines(lines)
    assert len(errors) == 1, lines
    assert str(path) in errors[0] and "control socket" in errors[0], errors
    return errors[0]


def test_a_control_socket_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("precious")
    refused_control(tmp_path, tmp_path / "directory")
    refused_control(tmp_path, tmp_path / "file")
    refused_control(tmp_path, tmp_path / "file" / "below")
    refused_control(tmp_path, tmp_path / "missing" / "socket")
    refused_control(tmp_path, tmp_path / ("x" * 150))
    assert (tmp_path / "file").read_text() == "precious"


def test_a_control_socket_in_use_is_not_replaced(tmp_path):
    daemon = Echod(tmp_path)
    try:
        assert "another echod" in refused_control(tmp_path, daemon.control_path)
        assert daemon.ask("--status").returncode == 0
    finally:
        daemon.finish()


NOTIFY = ["nonsense", "/nonexistent/notify", "@" + "x" * 200, "/" + "x" * 200, "vsock:x", ""]


@pytest.mark.parametrize("value", NOTIFY)
def test_a_missing_service_manager_does_not_end_the_daemon(tmp_path, value):
    """The service runs; the log says that it could not send READY=1."""
    daemon = Echod(tmp_path, env={"NOTIFY_SOCKET": value}, wait=False)
    try:
        daemon.wait_for_line("ready: listening on")
        if value:
            daemon.wait_for_line("NOTIFY_SOCKET")
    finally:
        daemon.finish()


def memory_file(content):
    file = open(os.memfd_create("echod-state"), "w+b")
    file.write(content)
    file.flush()
    return file


def end_of_a_pair(kind):
    open_end, closed = socket.socketpair(socket.AF_UNIX, kind)
    closed.close()
    return open_end


def datagrams_with(*files):
    """A socket that holds the descriptors of `files`, as a handover leaves it."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near:
        for file in files:
            socket.send_fds(near, [b"x"], [file.fileno()])
    return far


def two_connections():
    with socket.create_server(("127.0.0.1", 0)) as server:
        peers = [socket.create_connection(server.getsockname()) for _ in range(2)]
        with server.accept()[0] as one, server.accept()[0] as other:
            return datagrams_with(one, other), peers


# The descriptors echod-connections and echod-state; None: not passed.
HAND_OVERS = {
    "nothing in either": (datagrams_with, lambda: memory_file(b"")),
    "a state of zeros": (datagrams_with, lambda: memory_file(bytes(1000))),
    "a state of text": (datagrams_with, lambda: memory_file(b"[listen]\n" * 100)),
    "a state that is a socket": (
        datagrams_with,
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    ),
    "a state that is a device": (datagrams_with, lambda: open("/dev/zero", "rb")),
    "connections from a stream at its end": (
        lambda: end_of_a_pair(socket.SOCK_STREAM),
        lambda: memory_file(b"x"),
    ),
    "connections from a file": (lambda: open("/dev/null", "rb"), lambda: memory_file(b"x")),
    "connections from a socket that listens": (
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: memory_file(b"x"),
    ),
    "connections without a state": (datagrams_with, None),
    "a state without connections": (None, lambda: memory_file(b"x")),
}


@contextlib.contextmanager
def handing_over(connections, state):
    """Options of Echod() that pass the results of the two functions."""
    with contextlib.ExitStack() as stack:
        makers = {"echod-connections": connections, "echod-state": state}
        made = {n: stack.enter_context(contextlib.closing(m())) for n, m in makers.items() if m}
        numbers = ",".join(str(one.fileno()) for one in made.values())
        names = ":".join(made)
        options = ["--sockets", numbers, "--env", f"LISTEN_FDNAMES={names}"]
        yield {
            "prefix": launched(*options),
            "fds": tuple(one.fileno() for one in made.values()),
        }


@pytest.mark.parametrize("what", HAND_OVERS)
def test_an_invalid_handover_is_reported_and_the_service_runs(tmp_path, what):
    with handing_over(*HAND_OVERS[what]) as options:
        daemon = Echod(tmp_path, **options)
    try:
        daemon.wait_for_line("the state of the old process cannot be read: ")
        assert len(daemon.lines_with(" error ")) == 1
        daemon.connect().echo()
    finally:
        daemon.finish()


def test_connections_whose_state_cannot_be_read_are_closed(tmp_path):
    waiting, peers = two_connections()
    with handing_over(lambda: waiting, lambda: memory_file(b"nonsense" * 9)) as options:
        daemon = Echod(tmp_path, **options)
    try:
        daemon.wait_for_line("error +2 connections were closed: ")
        for peer in peers:
            with peer:
                peer.settimeout(20)
                assert peer.recv(1) == b""
    finally:
        daemon.finish()


def test_an_invalid_file_is_refused_if_the_state_has_no_configuration(tmp_path):
    path = tmp_path / "echod.toml"
    path.write_text("[limits]\nquota_messages = 0\n")
    with handing_over(datagrams_with, lambda: memory_file(b"x")) as options:
        status, lines, output = run(*options["prefix"], ECHOD, "--config", path,
                                    pass_fds=options["fds"])  # fmt: skip
    assert (status, output) == (CONFIG, "")
    assert len(lines) == 1 and lines[0].startswith(f"{path}:2:"), lines
