# SPDX-License-Identifier: MIT
"""echoload --reconnect: lost connections are opened again, and outages are reported."""

import json
import re
import threading
import time

import pytest
from echoload_support import (
    HANG_TIMEOUT,
    closes_first,
    echo_back,
    echoload,
    kept_waiting,
    received,
    refusing_port,
    result_of,
    serve,
    start_echoload,
)
from wire import HEADER


def run(target, *arguments):
    return echoload("--reconnect", "--format", "json", *arguments, target)


class Server:
    """Echoes on one port, which can be closed with all of its connections and opened again. Notes
    when it sent echoes: its longest pause is what a run must have seen, and no more."""

    def __init__(self):
        self.address = ("127.0.0.1", 0)
        self.echoes = []
        self.streams = []
        self.context = None

    def __call__(self, connection, _number):
        stream = bytearray()
        self.streams.append(stream)
        for data in received(connection):
            stream += data
            connection.sendall(data)
            self.echoes.append(time.monotonic())

    def open(self):
        self.context = serve(self, address=self.address)
        target = self.context.__enter__()
        host, port = target.split(":")
        self.address = (host, int(port))
        return target

    def close(self):
        self.context.__exit__(None, None, None)

    def longest_pause(self):
        times = sorted(self.echoes)
        return max(later - time for time, later in zip(times, times[1:]))


@pytest.fixture
def server():
    """Python's create_server() reuses the port at once."""
    one = Server()
    yield one
    one.close()


def await_echoes(server, count, connections=1):
    """Waits until so many echoes were sent, and at least one to each connection."""
    deadline = time.monotonic() + HANG_TIMEOUT
    while len(server.echoes) < count or sum(map(bool, list(server.streams))) < connections:
        assert time.monotonic() < deadline, "the run does not continue"
        time.sleep(0.001)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("load", [(), ("-R", 1000)], ids=["closed", "open"])
def test_the_outage_is_as_long_as_the_server_was_silent(server, load, threads):
    target = server.open()
    running = start_echoload(
        *("-q", "--reconnect", "-c", 4, "-t", threads, *load, "-d", "2500ms"),
        *("--slo", "outage<2s", "--format", "json", target),
    )
    await_echoes(server, 100, connections=4)
    server.close()
    time.sleep(0.5)  # the length of the outage, not a wait for something
    server.open()
    out, err = running.communicate(timeout=HANG_TIMEOUT)
    assert (running.returncode, err) == (0, "")
    result = result_of(out)
    assert result["outage_counts"]["outages"] == len(result["outages"]) == 1, result["outages"]
    outage = result["outages"][0]
    assert outage["target"] == target
    assert outage["over"]
    assert outage["connections"] == 4
    assert outage["messages_lost"] == result["messages"]["lost"] + result["messages"]["timed_out"]
    # An echo on its way takes time, and the threads of the server wait for each other.
    error = 0.1 + kept_waiting(result)
    assert outage["length_s"] == pytest.approx(server.longest_pause(), abs=error)
    assert outage["restored_s"] >= outage["length_s"] >= 0.5 - error
    errors = {(row["phase"], row["error"]) for row in outage["errors"]}
    assert ("connect", "ECONNREFUSED") in errors
    assert result["interruption"]["count"] == 4
    assert result["interruption"]["max_ns"] >= (0.5 - error) * 1e9
    counts = result["connections"]
    assert counts["asked"] + counts["replaced"] == counts["up"] + counts["failed"]
    assert (counts["up"], counts["ended_early"]) == (8, 4)
    if load:
        messages, pace = result["messages"], result["open_loop"]
        assert pace["due"] == messages["sent"] == 2500
        assert (pace["shed"], pace["unsent"]) == (0, 0), "what was due waited"
        assert result["response"]["max_ns"] >= 0.4e9


def test_each_new_connection_has_messages_of_its_own():
    streams = []

    def twenty(connection, _number):
        stream = b""
        for data in received(connection):
            stream += data
            connection.sendall(data)
            if len(stream) >= 20 * 100:
                break
        streams.append(stream[: 20 * 100])

    with serve(twenty) as target:
        ended = run(target, "-c", 1, "-n", 200, "--sizes", "fixed:92", "--slo", "outages<=20")
    assert ended.code == 0, ended
    assert len(streams) >= 10
    first = {stream[:100] for stream in streams if len(stream) >= 100}
    assert len(first) >= 10, "no connection has the messages of another one"
    assert ended.json["connections"]["replaced"] >= 9


def test_a_lost_message_is_not_delivered_unless_a_gate_allows_it():
    for gate, code in [
        ((), 5),
        (("--slo", "lost<=0"), 3),
        (("--slo", "lost<=1"), 0),
        (("--slo", "outages<=1"), 0),
        (("--slo", "outages<=0"), 3),
        (("--slo", "outage<1h,lost<=0"), 3),
    ]:
        with serve(closes_first()) as target:
            ended = run(target, "-c", 1, "-d", "100ms", *gate)
        assert ended.code == code, (gate, ended)
        assert ended.json["messages"]["lost"] == 1


def test_a_connection_that_is_closed_while_it_is_idle_costs_nothing():
    closed = threading.Event()

    def handler(connection, number):
        if number == 0:  # answers one message, and leaves
            connection.sendall(connection.recv(65536))
            closed.set()
        else:
            echo_back(connection)

    with serve(handler) as target:
        ended = run(target, "-c", 1, "-d", "700ms", "--think", "200ms")
    assert closed.is_set()
    assert ended.code == 0, ended
    result = ended.json
    assert result["messages"]["lost"] == 0
    assert result["outage_counts"]["outages"] == 1
    assert result["connections"]["up"] == 2


def test_the_end_of_a_connection_in_the_middle_of_an_echo_is_a_loss():
    def handler(connection, number):
        if number == 0:
            connection.sendall(connection.recv(65536)[: HEADER.size + 2])
        else:
            echo_back(connection)

    with serve(handler) as target:
        ended = run(target, "-c", 1, "-d", "100ms", "--sizes", 100, "--slo", "lost<=1")
    assert ended.code == 0, ended
    assert ended.json["wrong_by_kind"]["total"] == 0


def test_a_server_that_starts_late_is_reached(server):
    target = server.open()
    server.close()
    running = start_echoload(
        "-q", "--reconnect", "-c", 2, "-d", "800ms", "--format", "json", target
    )
    time.sleep(0.2)
    server.open()
    out, err = running.communicate(timeout=HANG_TIMEOUT)
    assert (running.returncode, err) == (0, "")
    result = result_of(out)
    assert result["connections"]["failed"] > 0
    assert result["messages"]["verified"] > 0
    [outage] = result["outages"]
    assert (outage["from_s"], outage["connections"]) == (pytest.approx(0, abs=0.1 + kept_waiting(result)), 2)


def test_a_server_that_never_comes_makes_the_run_impossible():
    with refusing_port() as target:
        ended = run(target, "-c", 2, "-d", "200ms")
    assert ended.code == 1, ended
    [outage] = ended.json["outages"]
    assert (outage["over"], outage["restored_s"]) == (False, None)
    assert ended.json["outage_counts"]["not_restored"] == 2
    # With a number of messages nothing else would end it.
    with refusing_port() as target:
        ended = run(target, "-c", 2, "-n", 10, "--timeout", "200ms")
    assert ended.code == 1, ended


def test_attempts_are_bounded():
    with refusing_port() as target:
        ended = run(target, "-c", 50, "-d", "1s")
    # At most 50 at once, 50 after that, and then 50 in 5, 10, 20, 25, 25 ... ms.
    assert 100 < ended.json["connections"]["failed"] < 3000


def test_a_server_that_accepts_and_closes_is_not_flooded():
    accepted = []

    def handler(_connection, number):
        accepted.append(number)

    with serve(handler) as target:
        ended = run(target, "-c", 10, "-d", "500ms", "--slo", "outage<1h")
    assert len(accepted) < 1000
    assert ended.json["outage_counts"] | {"longest_s": 0} == {
        "outages": 1,
        "messages_lost": ended.json["messages"]["lost"],
        "not_restored": 10,
        "longest_s": 0,
    }


def test_messages_wait_or_are_shed_during_an_outage(server):
    target = server.open()
    running = start_echoload(
        *("-q", "--reconnect", "-c", 2, "-R", 1000, "-d", "1s", "--max-in-flight", 50),
        *("--slo", "outages<=1", "--format", "json", target),
    )
    await_echoes(server, 100)
    server.close()
    time.sleep(0.3)
    server.open()
    out, _ = running.communicate(timeout=HANG_TIMEOUT)
    assert running.returncode == 5, "the rate was not reached"
    result = result_of(out)
    pace = result["open_loop"]
    assert pace["due"] == 1000
    assert pace["due"] == result["messages"]["sent"] + pace["shed"] + pace["unsent"]
    # 0.3 s at 1,000 messages/s, without the 50 that may wait; more where the machine is busy.
    assert 150 < pace["shed"] < 1000


def test_the_text_and_the_page_show_outages(tmp_path):
    page = tmp_path / "page.html"
    with serve(closes_first(1)) as target:
        ended = echoload(
            *("-c", 1, "-d", "300ms", "--reconnect", "--slo", "outages<=1", "--interval", "20ms"),
            *("--report", page, target),
        )
    assert ended.code == 0, ended
    assert re.search(r"^outages     1, longest [\d.]+\w+$", ended.out, re.M), ended.out
    assert re.search(
        rf"^            {re.escape(target)}  [\d.]+\w+ at [\d.]+\w+ \(\S+Z\); all answered after "
        r"[\d.]+\w+; interrupted 1 connection, lost 1 message; close EOF 1$",
        ended.out.replace("read ECONNRESET", "close EOF"),
        re.M,
    ), ended.out
    assert re.search(r"^interrupted connections 1 time; p50 .*, longest ", ended.out, re.M)
    html = page.read_text()
    assert html.count('<rect class="band"') >= 2
    assert "Outages are shaded." in html
    with serve(echo_back) as target:
        ended = echoload("-c", 2, "-d", "50ms", "--reconnect", "--report", page, target)
    assert re.search(r"^outages     none$", ended.out, re.M), ended.out
    assert '<rect class="band"' not in page.read_text()


def test_outages_have_no_limit_without_reconnect():
    ended = echoload("--slo", "outage<1s", "127.0.0.1:1")
    assert ended.code == 2
    assert "--slo outage<1s requires --reconnect" in ended.err


def test_a_merged_result_has_the_outages_of_its_parts(tmp_path):
    files = []
    for seed in (1, 2):
        files.append(tmp_path / f"{seed}.json")
        with serve(closes_first()) as target:
            ended = run(target, "-c", 1, "-d", "100ms", "--slo", "lost<=1", "--seed", seed)
        files[-1].write_text(json.dumps(ended.json | {"started": files and ended.json["started"]}))
    first, second = (json.loads(file.read_text()) for file in files)
    times = {key: first[key] for key in ("started", "ended", "clock")}
    files[1].write_text(json.dumps(second | times))
    merged = echoload("merge", *files)
    assert merged.code == 0, merged
    assert len(merged.json["outages"]) == merged.json["outage_counts"]["outages"] == 2
    assert merged.json["interruption"]["count"] == 2
    compared = echoload("compare", *files, "--fail-if", "outages>1,outage>1h", "--force",
                        "--single-run")
    assert compared.code == 0, compared
    assert re.search(r"^outages +1 +1 ", compared.out, re.M), compared.out
