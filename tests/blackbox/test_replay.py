# SPDX-License-Identifier: MIT
"""echoload --replay: a message that failed is sent again with all that came before it."""

import re
import shlex

import pytest
from echoload_support import echo_back, echoload, received, result_of, serve


def turns_zeros(connection, _number=0):
    """Echoes, and changes two zero bytes in a row, which few messages have."""
    for data in received(connection):
        connection.sendall(data[:8] + data[8:].replace(b"\0\0", b"\0\1"))


def first_mismatch(result):
    return {key: value for key, value in result["mismatches"][0].items()
            if key not in ("local", "peer")}  # fmt: skip


@pytest.mark.parametrize("sizes", [(), ("--sizes", "list:700:1,900:2")])
def test_the_command_in_the_report_sends_the_wrong_message_again(tmp_path, sizes):
    file = tmp_path / "result.json"
    with serve(turns_zeros) as target:
        ended = echoload(
            *("-q", "-c", 5, "-n", 20_000, "--seed", 7, *sizes, "--format", "json", "-o", file),
            target,
        )
        assert ended.code == 4, ended
        result = result_of(file.read_text())
        shown = echoload("show", file)
        command = re.search(r"^  again: echoload (.*)$", shown.out, re.M)[1]
        wrong = result["mismatches"][0]
        replay = f"7:{wrong['connection']}:{wrong['sequence']}"
        assert command.startswith(f"--replay {replay} ")
        again = echoload("--format", "json", *shlex.split(command))
    assert again.code == 4, again
    assert first_mismatch(again.json) == first_mismatch(result)
    assert again.json["asked"]["replay"] == replay
    assert again.json["messages"]["sent"] == wrong["sequence"] + 1


def test_a_right_server_gets_the_whole_stream():
    with serve(echo_back) as target:
        ended = echoload("--replay", "7:123456:99", "--format", "json", target)
    assert ended.code == 0, ended
    assert ended.json["messages"]["verified"] == 100
    assert (ended.json["seed"], ended.json["asked"]["connections"]) == (7, 1)


@pytest.mark.parametrize("arguments, place", [
    (["--replay", "7", "a:1"], "--replay: must be SEED:CONNECTION:SEQUENCE"),
    (["--replay", "7:1", "a:1"], "--replay: must be SEED:CONNECTION:SEQUENCE"),
    (["--replay", "7:x:1", "a:1"], "--replay"),
    (["--replay", "7:1:-1", "a:1"], "--replay"),
    (["--replay", "7:1:1", "--seed", "8", "a:1"], "--seed"),
    (["--replay", "7:1:1", "-n", "8", "a:1"], "--messages"),
    (["--replay", "7:1:1", "a:1", "b:1"], "one TARGET, not 2"),
])  # fmt: skip
def test_what_contradicts_a_replay_is_refused(arguments, place):
    ended = echoload(*arguments)
    assert ended.code == 2, ended
    assert place in ended.err, ended
