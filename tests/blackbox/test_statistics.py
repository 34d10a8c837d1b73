# SPDX-License-Identifier: MIT
"""Statistics: a line only if a counter changed, and sums that add up."""

import random
import signal
import time

import pytest
from echod_daemon import parse_counters
from wire import header, message, expected_echoes, random_messages, until

INTERVAL = 0.1
# Several intervals, for a line that must not be logged.
QUIET = 0.5


def statistics_lines(daemon):
    return daemon.lines_with("statistics of")


def wait_until_quiet(daemon):
    """Waits until no line was logged for several intervals."""
    seen = -1
    while seen != len(statistics_lines(daemon)):
        seen = len(statistics_lines(daemon))
        deadline = time.monotonic() + QUIET
        while until(deadline) and seen == len(statistics_lines(daemon)):
            with daemon._changed:
                daemon._changed.wait(until(deadline))


def test_an_echo_is_in_the_next_statistics_line(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo(message(b"counted"))
    daemon.wait_for_line("statistics of .*messages_out=1 ")
    counted = daemon.counted()
    assert counted["accepted"] == counted["connections"] == 1
    assert counted["messages_in"] == counted["messages_out"] == 1
    assert counted["bytes_in"] == counted["bytes_out"] == 15


def test_no_line_is_logged_without_changes(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    client.echo()
    daemon.wait_for_line("statistics of .*messages_out=1 ")
    wait_until_quiet(daemon)
    lines = len(statistics_lines(daemon))
    assert lines <= 2  # the accept and the echo may be in two intervals
    assert daemon.statistics()["messages_out"] == 1
    wait_until_quiet(daemon)
    assert len(statistics_lines(daemon)) == lines + 1  # the requested one


def test_a_line_is_logged_in_every_interval_with_changes(echod):
    daemon = echod(stats={"interval": "100ms"})
    client = daemon.connect()
    sent = 0
    while len(statistics_lines(daemon)) < 4:
        client.echo()
        sent += 1
    assert daemon.statistics()["messages_in"] == sent


def test_sigusr1_logs_a_line_at_once_even_without_changes(echod):
    daemon = echod()
    daemon.send_signal(signal.SIGUSR1)
    line = daemon.wait_for_line("statistics of")
    assert parse_counters(line)["connections"] == 0
    assert parse_counters(line)["messages_in"] == 0
    daemon.send_signal(signal.SIGUSR1)
    daemon.wait_for(lambda: len(statistics_lines(daemon)) == 2, "a second line")


def test_a_line_has_the_changes_since_the_previous_one(echod):
    daemon = echod()
    client = daemon.connect()
    for count in (3, 5, 2):
        for _ in range(count):
            client.echo()
        daemon.statistics()
        assert parse_counters(daemon.lines[-1])["messages_in"] == count


def test_the_longest_iteration_of_the_loop_is_logged(echod):
    daemon = echod()
    with daemon.connect() as client:
        client.echo()
    daemon.statistics()
    assert daemon.find_line(r"statistics of .* longest_turn=\d+(\.\d+)?(ns|us|ms|s)$")
    daemon.stop()
    assert daemon.find_line(r"totals of .* longest_turn=\d+(\.\d+)?(ns|us|ms|s)$")


def test_a_level_above_info_disables_statistics_lines(echod):
    daemon = echod(log={"level": "warning"}, stats={"interval": "100ms"})
    daemon.connect().echo()
    daemon.clients[0].close()
    assert daemon.stop() == 0
    assert daemon.lines == []


def test_the_last_line_has_the_totals_of_the_whole_run(echod):
    daemon = echod()
    messages = random_messages(1, 200)
    for part in range(4):
        with daemon.connect() as client:
            part_of_all = messages[part * 50 : part * 50 + 50]
            assert client.exchange(part_of_all) == b"".join(part_of_all)
        daemon.statistics()
    daemon.wait_for_counters(connections=0, closed_peer=4)
    assert daemon.stop() == 0
    totals = daemon.totals()
    size = sum(map(len, messages))
    assert totals["accepted"] == totals["closed"] == totals["closed_peer"] == 4
    assert totals["messages_in"] == totals["messages_out"] == 200
    assert totals["bytes_in"] == totals["bytes_out"] == size
    counted = daemon.counted()
    assert {name: totals[name] for name in counted if name in totals} == {
        name: number for name, number in counted.items() if name in totals
    }
    assert daemon.lines.index(daemon.find_line("totals of")) >= len(daemon.lines) - 2


def test_the_sums_are_right_after_every_kind_of_close(echod):
    timeouts = {"idle": "2s", "message": "500ms", "write": "500ms"}
    limits = {"max_connections": 40, "max_connections_per_ip": 30, "when_full": "evict"}
    daemon = echod(timeouts=timeouts, limits=limits)

    def connect(**options):
        return daemon.connect(source="127.0.0.9", **options)

    with connect() as peer:
        peer.echo()
    with connect() as incomplete:
        incomplete.send(message(b"incomplete")[:-1])
    reset = connect()
    reset.echo()
    reset.reset()
    with connect() as invalid:
        invalid.send(message(b"x") + header(5000) + bytes(500))
        invalid.receive_until_eof()
    stalled = connect(receive_buffer=8192)
    daemon.flood_until_stalled(stalled, message(bytes(700)))
    begun = connect()
    begun.send(message(b"begun")[:9])
    silent = connect()
    daemon.wait_for_counters(closed_write_timeout=1, closed_message_timeout=1)
    while not silent.has_input(0.05):
        pass  # until it times out
    expected = {
        "accepted": 7,
        "closed": 7,
        "closed_peer": 1,
        "closed_incomplete": 1,
        "closed_reset_after_echo": 1,
        "closed_protocol_error": 1,
        "closed_write_timeout": 1,
        "closed_message_timeout": 1,
        "closed_idle_timeout": 1,
        "protocol_errors": 1,
    }
    daemon.wait_for_counters(connections=0, **expected)
    never = {"idle": "0s", "message": "0s", "write": "0s", "drain": "100ms"}
    daemon.reload({"timeouts": never, "limits": limits})
    many = [daemon.connect(source=f"127.0.1.{1 + number // 20}") for number in range(41)]
    many[-1].echo()
    seen = daemon.wait_for_counters(connections=40, closed_evicted=1)["bytes_in"]
    many[-1].send(message(b"never completed")[:10])
    daemon.wait_for_counters(bytes_in=seen + 10)
    assert daemon.stop() == 0
    totals = daemon.totals()
    assert totals["accepted"] == 7 + 41
    assert totals["closed"] == totals["closed_stopped"] + totals.get("closed_drained", 0) + 8
    daemon.check_totals()


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_are_right_after_random_clients(echod, seed):
    rng = random.Random(seed)
    daemon = echod(limits={"quota_messages": rng.choice([1, 10, 1000])})
    stream = b"".join(random_messages(seed, 40))
    clients = []
    for _ in range(150):
        action = rng.randrange(8)
        if action <= 3 or not clients:
            clients.append([daemon.connect(), b""])
            continue
        client, sent = clients[index := rng.randrange(len(clients))]
        if action <= 5:
            piece = stream[len(sent) : len(sent) + rng.randint(1, 3000)]
            client.send(piece)
            clients[index][1] = sent + piece
            continue
        del clients[index]
        if action == 6:
            client.reset()
        else:
            last = rng.choice([b"", header(1017), header(4000) + bytes(2000)])
            client.send(last)
            client.half_close()
            assert client.receive_until_eof() == expected_echoes(sent + last)
            client.close()
    for client, sent in clients:
        rest = stream[len(sent) :]
        client.send(rest)
        assert client.receive(len(stream)) == stream
        client.close()
    daemon.wait_for_counters(connections=0)
    assert daemon.stop() == 0
    daemon.check_totals()
