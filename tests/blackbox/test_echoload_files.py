# SPDX-License-Identifier: MIT
"""The file of a result: what it replaces, and where it cannot be replaced."""

import os
import socket
import subprocess

import pytest
from echoload_support import ECHOLOAD, HANG_TIMEOUT, echo_back, echoload, result_of, serve

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file")
RUN = ["-c", "1", "-n", "1", "--format", "json", "-o"]


def run_with_mounts(commands, *arguments):
    """Runs echoload with mounts of its own, which the shell commands make."""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{commands}\nexec "$@"', "sh", ECHOLOAD, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False,
    )  # fmt: skip


@needs_root
def test_a_result_that_is_a_mount_point_is_written(tmp_path):
    result, mounted = tmp_path / "result", tmp_path / "mounted"
    result.touch()
    mounted.write_text("earlier" * 10000)
    with serve(echo_back) as target:
        ended = run_with_mounts(f"mount --bind {mounted} {result}", *RUN, result, target)
    assert ended.returncode == 0, ended
    assert mounted.read_text().endswith("}\n") and "earlier" not in mounted.read_text()
    assert sorted(os.listdir(tmp_path)) == ["mounted", "result"]


@needs_root
def test_a_result_that_fits_nowhere_else_stays_beside_its_place(tmp_path):
    result, full = tmp_path / "result", tmp_path / "full"
    result.touch()
    full.mkdir()
    mounts = (
        f"mount -t tmpfs -o size=4k none {full}; head -c 4096 /dev/zero >{full}/filler; "
        f">{full}/x; mount --bind {full}/x {result}"
    )
    with serve(echo_back) as target:
        ended = run_with_mounts(mounts, *RUN, result, target)
    [beside] = [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
    assert ended.returncode == 1 and "ENOSPC" in ended.stderr, ended
    assert ended.stderr.rstrip().endswith(f"what was to be written is in {tmp_path / beside}")
    assert (tmp_path / beside).read_text().endswith("}\n")


def test_a_socket_is_no_fifo_whose_reader_is_waited_for(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        ended = echoload("-o", tmp_path / "socket", "127.0.0.1:1")
    assert ended.code == 1 and "ENXIO" in ended.err, ended


@needs_root
def test_a_result_keeps_the_owner_and_the_mode_of_the_file(tmp_path):
    result = tmp_path / "result"
    result.touch()
    os.chown(result, 12, 34)
    result.chmod(0o640)
    with serve(echo_back) as target:
        assert echoload(*RUN, result, target).code == 0
    status = result.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12, 34, 0o640)
    assert result_of(result.read_text())["verdict"]["outcome"] == "ok"


def test_a_result_with_another_name_keeps_it(tmp_path):
    result, other = tmp_path / "result", tmp_path / "other"
    result.write_text("earlier" * 10000)
    other.hardlink_to(result)
    with serve(echo_back) as target:
        assert echoload(*RUN, result, target).code == 0
    assert other.samefile(result) and result_of(other.read_text())["program"] == "echoload"


def test_a_symbolic_link_to_nothing_stays_one(tmp_path):
    (tmp_path / "place").mkdir()
    link = tmp_path / "link"
    link.symlink_to("place/../place/real")
    with serve(echo_back) as target:
        assert echoload(*RUN, link, target).code == 0
    assert link.is_symlink() and result_of(link.read_text())["program"] == "echoload"
    assert os.listdir(tmp_path / "place") == ["real"]
