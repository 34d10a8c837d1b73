# SPDX-License-Identifier: MIT
"""A result is not lost: outputs that are not read, are full or closed, and signals meanwhile."""

import contextlib
import fcntl
import os
import pathlib
import pty
import resource
import signal
import subprocess
import threading

import pytest
from echoload_support import ECHOLOAD, HANG_TIMEOUT, echo_back, echoload, result_of, serve

SIGNALS = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGQUIT: 131, signal.SIGTERM: 143}


def restore_signals():
    """Those that the tests inherit as ignored: in the background of a script, under nohup(1)."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def running(*arguments, **options):
    """A running echoload, which is killed at the end where it has not ended."""
    options = {
        "stdin": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "preexec_fn": restore_signals,
        **options,
    }
    with subprocess.Popen([str(ECHOLOAD), *map(str, arguments)], **options) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()


def wait_until_measuring(run):
    next(line for line in run.stderr if b"p99" in line)


def wait_until(condition, what):
    pause = threading.Event()
    for _ in range(HANG_TIMEOUT * 100):
        with contextlib.suppress(OSError):
            if condition():
                return
        pause.wait(0.01)
    raise AssertionError(f"never: {what}")


def wait_for_its_signals(run):
    """Waits until the process reads its signals from a descriptor."""
    directory = f"/proc/{run.pid}/fd"
    wait_until(
        lambda: any(
            "signalfd" in os.readlink(f"{directory}/{number}") for number in os.listdir(directory)
        ),
        "signals are read",
    )


def wait_for_the_end_of_its_loops(run):
    wait_until(
        lambda: "\nThreads:\t1\n" in pathlib.Path(f"/proc/{run.pid}/status").read_text(),
        "the loops ended",
    )


@pytest.mark.parametrize("number, code", SIGNALS.items())
def test_each_signal_that_ends_a_run_leaves_a_report(number, code, tmp_path):
    result = tmp_path / "result.json"
    with serve(echo_back) as target:
        arguments = ["-c", 1, "-d", "1h", "--interval", "20ms", "--format", "json", "-o", result]
        with running(*arguments, target) as run:
            wait_until_measuring(run)
            run.send_signal(number)
            run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == code
    verdict = result_of(result.read_text())["verdict"]
    assert verdict["exit_code"] == code and verdict["reasons"] == [f"interrupted by {number.name}"]


@pytest.mark.parametrize("ignored", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored_and_so_does_sigusr2(ignored):
    with serve(echo_back) as target:
        with running(
            *("-c", 1, "-d", "1h", "--interval", "20ms", target),
            stdout=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN),
        ) as run:
            wait_until_measuring(run)
            run.send_signal(ignored)
            run.send_signal(signal.SIGUSR2)
            wait_until_measuring(run)  # it continues
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 143


@pytest.mark.parametrize("option", ["-o", "--timeseries", "--hdr", "--report"])
def test_a_signal_ends_the_wait_for_the_reader_of_a_fifo(option, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running(option, fifo, "127.0.0.1:1", stdout=subprocess.DEVNULL) as run:
        wait_for_its_signals(run)
        run.send_signal(signal.SIGTERM)
        assert run.wait(HANG_TIMEOUT) == 143


def test_a_fifo_is_written_when_its_reader_comes(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with serve(echo_back) as target:
        with running("-c", 1, "-n", 10, "--format", "json", "-o", fifo, target) as run:
            report = result_of(fifo.read_text())
            assert run.wait(HANG_TIMEOUT) == 0
    assert report["messages"]["verified"] == 10


def fill(writer):
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 512)
    os.set_blocking(writer, True)


def full_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    fill(writer)
    return reader, writer


def stopped_terminal():
    reader, writer = pty.openpty()
    fill(writer)
    return reader, writer


@pytest.mark.parametrize("unread", [full_pipe, stopped_terminal])
def test_progress_lines_that_are_not_read_do_not_delay_the_run(unread, tmp_path):
    reader, writer = unread()
    result = tmp_path / "result.json"
    with serve(echo_back) as target:
        arguments = ["-c", 1, "-d", "300ms", "--interval", "10ms", "--format", "json", "-o", result]
        with running(*arguments, target, stderr=writer) as run:
            assert run.wait(HANG_TIMEOUT) == 0
    os.close(reader)
    os.close(writer)
    assert result_of(result.read_text())["verdict"]["outcome"] == "ok"


def test_a_signal_ends_the_load_while_standard_error_is_full(tmp_path):
    reader, writer = full_pipe()
    result, series = tmp_path / "result.json", tmp_path / "series"
    with serve(echo_back) as target:
        arguments = ["-c", 1, "-d", "1h", "--interval", "10ms", "--timeseries", series]
        with running(
            *arguments, "--format", "json", "-o", result, target, stderr=writer
        ) as run:
            wait_until(lambda: series.read_text().count("\n") >= 5, "five intervals")
            run.send_signal(signal.SIGTERM)
            assert run.wait(HANG_TIMEOUT) == 143
    os.close(reader)
    os.close(writer)
    assert result_of(result.read_text())["verdict"]["outcome"] == "interrupted"


def test_signals_end_the_wait_for_standard_error_of_an_error():
    reader, writer = full_pipe()
    with running("-o", "/nowhere/result", "127.0.0.1:1", stderr=writer) as run:
        wait_for_its_signals(run)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.2)  # it waits for the reader
        run.send_signal(signal.SIGTERM)
        run.send_signal(signal.SIGHUP)
        assert run.wait(HANG_TIMEOUT) in (129, 143)
    os.close(reader)
    os.close(writer)


def test_a_result_is_waited_for_and_the_second_signal_ends_that():
    reader, writer = full_pipe()
    with serve(echo_back) as target:
        with running("-c", 1, "-d", "1h", "--interval", "10ms", target, stdout=writer) as run:
            wait_until_measuring(run)
            run.send_signal(signal.SIGINT)
            wait_for_the_end_of_its_loops(run)
            with pytest.raises(subprocess.TimeoutExpired):
                run.wait(0.2)  # it waits for the reader
            run.send_signal(signal.SIGTERM)
            assert run.wait(HANG_TIMEOUT) == 143
    os.close(reader)
    os.close(writer)


def test_a_series_that_is_not_read_does_not_take_the_result_with_it(tmp_path):
    fifo, result = tmp_path / "fifo", tmp_path / "result.json"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    arguments = ["-c", 1, "-d", "1h", "--interval", "10ms", "--timeseries", fifo]
    with serve(echo_back) as target:
        with running(*arguments, "--format", "json", "-o", result, target) as run:
            for _ in range(50):
                wait_until_measuring(run)
            run.send_signal(signal.SIGTERM)
            wait_for_the_end_of_its_loops(run)
            with pytest.raises(subprocess.TimeoutExpired):
                run.wait(0.2)  # it waits for the reader
            run.send_signal(signal.SIGINT)
            assert run.wait(HANG_TIMEOUT) == 130
    os.close(reader)
    assert result_of(result.read_text())["verdict"]["outcome"] == "interrupted"


def test_a_nonblocking_standard_output_gets_the_whole_result():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with serve(echo_back) as target:
        with running("-c", 4, "-n", 5000, "--format", "json", "-q", target, stdout=writer) as run:
            os.close(writer)
            with os.fdopen(reader, "rb") as stream:
                text = stream.read()
            assert run.wait(HANG_TIMEOUT) == 0
    assert len(text) > 8192 and result_of(text)["messages"]["verified"] == 5000


def test_a_result_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    result = tmp_path / "result.json"
    result.write_text("earlier")
    result.chmod(0o640)
    arguments = ["-c", 1, "-n", 10, "--format", "json", "-o", result]
    with serve(echo_back) as target:
        failed = echoload(
            *arguments, target,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        )  # fmt: skip
        assert failed.code == 1 and "EFBIG" in failed.err, failed
        assert result.read_text() == "earlier" and os.listdir(tmp_path) == ["result.json"]
        with running(*arguments[:2], "-d", "1h", "--interval", "10ms", *arguments[4:], target) as run:
            wait_until_measuring(run)
            assert result.read_text() == "earlier"
            run.kill()
            run.wait(HANG_TIMEOUT)
        assert result.read_text() == "earlier"
        assert echoload(*arguments, target).code == 0
    assert result_of(result.read_text())["messages"]["verified"] == 10
    assert result.stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "real").write_text("earlier")
    link = tmp_path / "link"
    link.symlink_to("real")
    with serve(echo_back) as target:
        assert echoload("-c", 1, "-n", 1, "-o", link, target).code == 0
    assert link.is_symlink() and "verdict" in (tmp_path / "real").read_text()


def close(*numbers):
    def closes():
        for number in numbers:
            os.close(number)

    return closes


def test_closed_standard_descriptors_get_into_no_file(tmp_path):
    result, curve = tmp_path / "result", tmp_path / "curve.hgrm"
    with serve(echo_back) as target:
        arguments = ["-c", 1, "-d", "200ms", "--interval", "10ms", "-o", result, "--hdr", curve]
        with subprocess.Popen(
            [str(ECHOLOAD), *map(str, arguments), target], preexec_fn=close(0, 1, 2)
        ) as run:
            assert run.wait(HANG_TIMEOUT) == 0
        without_output = echoload("-c", 1, "-n", 1, target, preexec_fn=close(1))
    assert curve.read_text().lstrip().startswith("Value") and "up  " not in curve.read_text()
    assert result.read_text().startswith("echoload ")
    assert without_output.code == 1, without_output
    assert "cannot write standard output: EBADF" in without_output.err


@pytest.mark.parametrize("first, second", [("-o", "--timeseries"), ("--hdr", "--report")])
def test_the_same_file_for_two_outputs_is_wrong_usage(first, second, tmp_path):
    ended = echoload(first, tmp_path / "x", second, f"{tmp_path}/./x", "127.0.0.1:1")
    assert ended.code == 2 and "must be different files" in ended.err, ended
    assert os.listdir(tmp_path) == []
    with serve(echo_back) as target:  # a device is no file
        ended = echoload("-c", 1, "-n", 1, first, "/dev/null", second, "/dev/null", target)
    assert ended.code == 0, ended


def test_a_minus_sign_is_standard_output(tmp_path):
    with serve(echo_back) as target:
        ended = subprocess.run(
            [str(ECHOLOAD), "-c", "1", "-n", "1", "-o", "-", "--format", "json", target],
            cwd=tmp_path, capture_output=True, timeout=HANG_TIMEOUT, check=True,
        )  # fmt: skip
    assert result_of(ended.stdout)["messages"]["verified"] == 1
    assert os.listdir(tmp_path) == []
