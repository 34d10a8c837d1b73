# SPDX-License-Identifier: MIT
"""echoload with servers that have one fault each: the fault is classified by its kind."""

import queue
import socket
import time

import pytest

from echoload_support import HANG_TIMEOUT, echo_back, echoload, messages, serve

KINDS = ("corrupt", "truncated", "extra", "duplicate", "reordered", "foreign")


def alters(number, fault):
    """Echoes complete messages, but replaces message `number` of the first connection with
    fault(message, following); following() is the next message received."""

    def handler(connection, which):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = messages(connection)
        for index, message in enumerate(stream):
            if index == number and which == 0:
                message = fault(message, lambda: next(stream))
            connection.sendall(message)

    return handler


def flips(message, following):
    return message[:20] + bytes([message[20] ^ 1]) + message[21:]


def drops(message, following):
    return b""


def truncates(message, following):
    return message[:60]


def repeats(message, following):
    return message + message


def swaps(message, following):
    return following() + message


def adds(message, following):
    return message + b"extra bytes!"


def counted(report):
    """The number of wrong echoes by kind, without kinds that are 0."""
    counts = dict(report["wrong_by_kind"])
    assert counts.pop("total") == sum(counts.values())
    assert tuple(counts) == KINDS
    return {kind: count for kind, count in counts.items() if count}


FAULTS = [
    (flips, "corrupt", 20, None),
    (drops, "truncated", 0, 8),
    (truncates, "truncated", 60, 8),
    (repeats, "duplicate", 0, 7),
    (swaps, "reordered", 0, 8),
    (adds, "extra", 0, None),
]


@pytest.mark.parametrize(
    "fault, kind, offset, came", FAULTS, ids=[each[0].__name__ for each in FAULTS]
)
def test_a_fault_is_classified_by_its_kind(fault, kind, offset, came):
    arguments = ("-c", 1, "-p", 4, "-n", 200, "--sizes", "fixed:200", "--seed", 5)
    with serve(alters(7, fault)) as target:
        report = echoload(*arguments, "--format", "json", target)
    with serve(alters(7, fault)) as target:
        text = echoload(*arguments, target)
    assert report.code == text.code == 4, text
    wrong = report.json["mismatches"][0]
    assert counted(report.json) == {kind: 1}
    assert (wrong["kind"], wrong["offset"], wrong["connection"]) == (kind, offset, 0)
    assert wrong["sequence"] == (7 if fault in (flips, drops, truncates, swaps) else 8)
    if came is not None:
        assert wrong["came"] == {"connection": 0, "sequence": came, "offset": 0}
    else:
        assert wrong["came"] is None
    assert f"{kind} echo on connection 0 (127.0.0.1:" in text.out
    assert f"wrong       {kind} 1\n" in text.out
    assert "expected\n" in text.out and "received\n" in text.out


def test_a_connection_closed_within_an_echo_is_classified_as_truncated():
    def sends_half(connection, number):
        stream = messages(connection)
        for index, message in enumerate(stream):
            connection.sendall(message if index < 7 else message[:60])
            if index == 7:
                return

    with serve(sends_half) as target:
        ended = echoload("-c", 1, "-n", 200, "--sizes", "fixed:200", "--format", "json", target)
    assert ended.code == 4, ended
    assert counted(ended.json) == {"truncated": 1}
    wrong = ended.json["mismatches"][0]
    assert (wrong["sequence"], wrong["length"], wrong["offset"]) == (7, 208, 60)
    assert wrong["came"] is None


def crosses():
    """Swaps message 5 of two connections."""
    boxes = (queue.Queue(), queue.Queue())

    def handler(connection, number):
        for index, message in enumerate(messages(connection)):
            if index == 5:
                boxes[number].put(message)
                message = boxes[1 - number].get(timeout=HANG_TIMEOUT)
            connection.sendall(message)

    return handler


def test_an_echo_sent_to_another_connection_is_reported_with_its_origin():
    with serve(crosses()) as target:
        ended = echoload("-c", 2, "-d", "20s", "--seed", 9, "--format", "json", target)
    assert ended.code == 4, ended
    assert set(counted(ended.json)) == {"foreign"}
    for wrong in ended.json["mismatches"]:
        assert wrong["sequence"] == 5
        assert wrong["came"] == {"connection": 1 - wrong["connection"], "sequence": 5, "offset": 0}


def test_bytes_of_another_connection_within_an_echo_are_foreign():
    boxes = (queue.Queue(), queue.Queue())

    def mixes(connection, number):
        for index, message in enumerate(messages(connection)):
            if index == 5:
                boxes[number].put(message)
                other = boxes[1 - number].get(timeout=HANG_TIMEOUT)
                message = message[:100] + other[100:]
            connection.sendall(message)

    with serve(mixes) as target:
        ended = echoload(
            "-c", 2, "-d", "20s", "--sizes", "fixed:300", "--format", "json", target
        )
    assert ended.code == 4, ended
    wrong = ended.json["mismatches"][0]
    assert (wrong["kind"], wrong["offset"]) == ("foreign", 100)
    assert wrong["came"] == {"connection": 1 - wrong["connection"], "sequence": 5, "offset": 100}


def test_the_report_of_a_wrong_echo_is_enough_to_reproduce_it():
    arguments = ("-c", 3, "-p", 4, "-n", 3000, "--seed", 77, "--format", "json")
    with serve(alters(7, flips)) as target:
        first = echoload(*arguments, target).json["mismatches"][0]
    sent = {0: [], 1: [], 2: []}

    def keeps(connection, number):
        for message in messages(connection):
            sent[number].append(message)
            connection.sendall(message)

    with serve(keeps) as target:
        assert echoload(*arguments, target).code == 0
    expected = bytes.fromhex(first["expected_hex"])
    # The server numbers connections by accept, which may be another order.
    (message,) = [
        stream[7] for stream in sent.values() if stream[7][first["excerpt_offset"]:][:32] == expected[:32]
    ]
    assert len(message) == first["length"]
    assert message[first["excerpt_offset"]:].startswith(expected)


def test_a_correct_server_beside_a_faulty_one_is_not_blamed():
    with serve(alters(3, repeats)) as faulty, serve(echo_back) as good:
        ended = echoload("-c", 4, "-p", 2, "-d", "20s", "--format", "json", faulty, good)
    assert ended.code == 4, ended
    assert ended.json["mismatches"][0]["peer"] == faulty


def alters_often(fault, every):
    """As alters(), for one of `every` messages, but not for the last one."""

    def handler(connection, _which):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = messages(connection)
        for index, message in enumerate(stream):
            if index % every == every // 2:
                message = fault(message, lambda: next(stream))
            connection.sendall(message)

    return handler


@pytest.mark.parametrize(
    "fault, kind",
    [(flips, "corrupt"), (drops, "truncated"), (repeats, "duplicate"), (swaps, "reordered")],
)
def test_counted_wrong_echoes_do_not_end_the_run(fault, kind):
    with serve(alters_often(fault, 10)) as target:
        ended = echoload(
            *("-c", 1, "-p", 5, "-n", 400, "--sizes", "fixed:200", "--on-mismatch", "count"),
            *("--seed", 4, "--format", "json", target),
        )
    assert ended.code == 4, ended
    report = ended.json
    counts = counted(report)
    assert set(counts) == {kind}
    assert counts[kind] >= 30
    assert len(report["mismatches"]) == 10  # the others are only counted
    assert report["connections"]["ended_early"] == 0
    messages = report["messages"]
    assert messages["sent"] == 400
    assert messages["verified"] + messages["wrong"] == 400
    if kind == "duplicate":
        assert messages["wrong"] == 0
    assert f"{counts[kind]} echoes were wrong" in report["verdict"]["reasons"]


def test_a_stream_that_cannot_be_resynchronized_is_closed_and_the_others_continue():
    def loses_three_bytes(message, following):
        return message[:50] + message[53:]

    with serve(alters(7, loses_three_bytes)) as target:
        ended = echoload(
            *("-c", 3, "-p", 5, "-n", 600, "--sizes", "fixed:200", "--on-mismatch", "count"),
            *("--format", "json", target),
        )
    assert ended.code == 4, ended
    assert counted(ended.json) == {"corrupt": 1}
    assert ended.json["connections"]["ended_early"] == 1
    assert ended.json["messages"]["verified"] > 400
    assert "1 of 3 connections ended early" in ended.json["verdict"]["reasons"]


def test_with_header_verification_a_wrong_payload_passes_and_the_report_says_so():
    with serve(alters_often(flips, 5)) as target:
        arguments = ("-c", 1, "-n", 50, "--sizes", "fixed:200", target)
        header = echoload("--verify", "header", *arguments)
        off = echoload("--verify", "off", *arguments)
        assert echoload("--verify", "full", *arguments).code == 4
    assert header.code == off.code == 0, header
    assert "payloads not compared" in header.out and ", verify header" in header.out
    assert "nothing else compared" in off.out and ", verify off" in off.out


@pytest.mark.parametrize("level, code", [("header", 4), ("off", 0)])
def test_a_wrong_header_is_found_with_header_verification(level, code):
    def flips_header(message, following):
        return bytes([message[0] ^ 1]) + message[1:]

    with serve(alters(7, flips_header)) as target:
        ended = echoload("-c", 1, "-n", 50, "--verify", level, "--format", "json", target)
    assert ended.code == code, ended
    assert ended.json["asked"]["verify"] == level


def test_without_verification_unexpected_bytes_are_still_found():
    with serve(alters(20, adds)) as target:
        ended = echoload("-c", 1, "-n", 50, "--verify", "off", "--format", "json", target)
    assert ended.code == 4, ended


def test_messages_after_a_lost_echo_time_out_as_usual():
    """The deadline of the first message expires before the fault is classified."""

    def answers_the_second_alone(connection, _number):
        stream = messages(connection)
        next(stream)
        second = next(stream)
        time.sleep(0.03)
        connection.sendall(second)
        for _ in stream:
            pass

    with serve(answers_the_second_alone) as target:
        ended = echoload(
            *("-c", 1, "-n", 3, "-p", 3, "--timeout", "100ms", "--on-mismatch", "count"),
            *("--format", "json", target),
        )
    assert ended.code == 4, ended
    counts = ended.json["messages"]
    assert (counts["verified"], counts["wrong"] + counts["lost"], counts["timed_out"]) == (1, 1, 1)
    assert ended.json["errors"] == [{"phase": "timeout", "error": "ETIMEDOUT", "count": 1}]


def test_each_corrupt_echo_is_classified_before_its_timeout():
    def flips_in_two_halves(connection, _number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message in messages(connection):
            message = flips(message, None)
            connection.sendall(message[:54])
            time.sleep(0.007)
            connection.sendall(message[54:])

    with serve(flips_in_two_halves) as target:
        ended = echoload(
            *("-c", 1, "-n", 60, "--sizes", "fixed:100", "--on-mismatch", "count"),
            *("--format", "json", target),
        )
    assert ended.code == 4, ended
    assert counted(ended.json) == {"corrupt": 60}
    assert ended.json["connections"]["ended_early"] == 0
