# SPDX-License-Identifier: MIT
"""echoload search and echoload sweep: the answers, the exit statuses and the reports. How well the
logic finds the edge is tested in tests/unit/capacity, and on a real clock by tests/bench/capacity."""

import json
import os
import re
import signal
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

import jsonschema
import pytest
from echoload_support import (
    HANG_TIMEOUT,
    REPOSITORY,
    echo_back,
    echoload,
    flips_a_bit,
    messages,
    mute,
    received,
    refusing_port,
    serve,
    start_echoload,
)

SCHEMA = json.loads((REPOSITORY / "client/report/capacity.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SEARCH = ["search", "-c", 4, "-p", 64, "-d", "200ms", "--warmup", "20ms"]
SWEEP = ["sweep", "-p", 64, "-d", "200ms", "--warmup", "20ms"]


def result_of_capacity(text):
    """The JSON of a search or a sweep. It conforms to the published schema."""
    result = json.loads(text)
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(result)]
    assert errors == []
    return result


def one_at_a_time(seconds):
    """A server that takes `seconds` for each message, one after the other."""
    turn = threading.Lock()

    def handler(connection, _number):
        for message in messages(connection):
            with turn:
                threading.Event().wait(seconds)
            connection.sendall(message)

    return handler


# --- search


def test_a_range_that_holds_is_searched_to_its_end(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *SEARCH, "--slo", "p50<1h,errors<50%", "--from", 100, "--to", 500,
        *("--format", "json", target),
    )  # fmt: skip
    assert ended.code == 0, ended
    found = result_of_capacity(ended.out)
    assert found["command"] == "search"
    asked = found["asked"]
    assert (asked["loop"], asked["rate"], asked["connections"]) == ("open", None, 4)
    assert found["settings"] == {"from": 100, "to": 500, "precision_share": 0.03, "repeats": 3}
    rates = [step["rate"] for step in found["steps"]]
    assert rates[:4] == [100, 200, 400, 500] and set(rates[4:]) == {500}
    assert {step["finding"] for step in found["steps"]} == {"holds"}
    for step in found["steps"]:
        assert step["asked_per_s"] == pytest.approx(step["rate"], rel=0.02)
        assert step["p50_ns"] <= step["p99_ns"] <= step["max_ns"]
    answer = found["answer"]
    assert (answer["rate"], answer["beyond"], answer["high"]) == (500, None, None)
    assert answer["complete"] is True
    assert found["verdict"]["outcome"] == "ok"
    lines = ended.err.splitlines()
    assert len(lines) == len(rates)
    assert lines[0].startswith("run 1: 100/s: 1") and lines[0].endswith(": holds")


@pytest.mark.release_only
def test_the_edge_of_a_slow_server_is_found_and_its_limit_named(tmp_path):
    page = tmp_path / "page.html"
    with serve(one_at_a_time(0.01)) as target:  # 100 a second
        ended = echoload(
            *("search", "-c", 8, "-p", 64, "-d", "1s", "--warmup", "100ms", "--repeats", 1),
            *("--slo", "max<200ms", "--from", 20, "--to", 2000, "--precision", "10%"),
            *("--report", page, "-o", tmp_path / "text", target),
        )
    text = (tmp_path / "text").read_text()
    assert ended.code in (0, 5), ended  # 5 where the machine gave the client no processor
    rows = re.findall(r"^(?:runs)? +([\d,]+)/s: .*: (holds|fails|client limited)", text, re.M)
    assert len(rows) == len(ended.err.splitlines()) >= 6
    assert re.search(r"^must hold +max<200ms$", text, re.M)
    html = page.read_text()
    xml.etree.ElementTree.fromstring(html.partition("\n")[2])
    assert "Latency over rate" in html and "<caption>Runs</caption>" in html
    if any(finding == "client limited" for _, finding in rows):
        return
    answer = int(re.search(r"^answer +(?:at least )?([\d,]+)/s hold", text, re.M)[1].replace(",", ""))
    assert 40 <= answer <= 125, ended
    assert re.search(r"^limit +at [\d,]+/s: .*(max was|were sent in time)", text, re.M), text


def test_a_server_that_never_holds_fails_the_search(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(*SEARCH, "--slo", "min<1ns", "--format", "json", target)
    assert ended.code in (3, 5), ended
    found = result_of_capacity(ended.out)
    assert found["answer"]["rate"] is None
    assert found["answer"]["beyond"] == 1000
    limited = [step["finding"] for step in found["steps"]]
    if limited.count("fails") >= 2:
        assert ended.code == 3
        assert found["answer"]["limit"] == "fails"
        assert "min was" in found["verdict"]["reasons"][0]
        assert "not even the lowest rate holds" in found["verdict"]["reasons"][0]


def test_a_silent_server_measures_nothing():
    with serve(mute) as target:
        ended = echoload(*SEARCH, "--slo", "p50<1h", "--timeout", "300ms", target)
    assert ended.code == 5, ended
    assert "nothing could be measured at the lowest rate" in ended.out


def test_a_wrong_echo_ends_the_search_with_its_report():
    with serve(flips_a_bit(5000)) as target:
        ended = echoload(*SEARCH, "--slo", "p50<1h", "--format", "json", target)
    assert ended.code == 4, ended
    found = result_of_capacity(ended.out)
    assert found["verdict"]["outcome"] == "wrong echo"
    assert found["answer"]["complete"] is False


def test_a_server_that_refuses_makes_the_search_impossible():
    with refusing_port() as target:
        ended = echoload(*SEARCH, "--slo", "p50<1h", target)
    assert ended.code == 1, ended
    assert re.search(r"verdict +not possible \(exit 1\): no connection could be made", ended.out)


def test_an_interrupted_search_reports_what_it_found():
    begun = threading.Event()

    def handler(connection, number):
        if number >= 8:  # the third run
            begun.set()
        echo_back(connection)

    with serve(handler) as target:
        running = start_echoload(
            *("search", "-c", 4, "-p", 64, "-d", "500ms", "--warmup", "0s", "-q"),
            *("--slo", "p50<1h", "--from", 10, "--format", "json", target),
        )
        assert begun.wait(HANG_TIMEOUT)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=HANG_TIMEOUT)
    assert running.returncode == 130, err
    found = result_of_capacity(out)
    assert [step["rate"] for step in found["steps"]][:2] == [10, 20]
    assert found["answer"]["rate"] >= 20
    assert found["answer"]["complete"] is False
    assert found["verdict"]["outcome"] == "interrupted"


@pytest.mark.parametrize("command", [[*SEARCH, "--from", 500, "--to", 500], [*SWEEP, "--rates", "500:500:1"]])
def test_a_page_that_cannot_be_written_does_not_lose_the_result(command):
    with serve(echo_back) as target, serve(flips_a_bit(1000)) as bad:
        well = echoload(
            *(*command, "--slo", "errors<50%", "--report", "/dev/full", "--format", "json", target)
        )
        wrong = echoload(
            *(*command, "--slo", "errors<50%", "--report", "/dev/full", "--format", "json", bad)
        )
    for ended, code in ((well, 1), (wrong, 4)):
        found = result_of_capacity(ended.out)
        assert ended.code == found["verdict"]["exit_code"] == code, ended
        assert "cannot write /dev/full: ENOSPC (No space left on device)" in (
            found["verdict"]["reasons"]
        )
        assert "echoload: cannot write /dev/full: ENOSPC" in ended.err, ended


def test_sigusr1_before_the_first_run_does_not_end_the_search(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with serve(echo_back) as target:
        running = start_echoload(
            *(*SEARCH, "--slo", "errors<50%", "--from", 500, "--to", 500, "-o", fifo, target)
        )
        # Names are resolved, and the signals that end a run are blocked: it waits for a reader.
        status = Path(f"/proc/{running.pid}/status")
        blocks_sigint = 1 << (signal.SIGINT - 1)
        deadline = time.monotonic() + HANG_TIMEOUT
        while not int(re.search(r"^SigBlk:\s*(\w+)", status.read_text(), re.M)[1], 16) & blocks_sigint:
            assert time.monotonic() < deadline
        running.send_signal(signal.SIGUSR1)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        _, err = running.communicate(timeout=HANG_TIMEOUT)
    text = os.read(reader, 65536).decode()
    os.close(reader)
    assert running.returncode in (0, 3, 5), err
    assert re.search(r"^answer ", text, re.M), text


def test_a_percentile_of_many_values_makes_the_runs_long_enough(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *("search", "-c", 2, "-p", 64, "-d", "1ms", "--warmup", "0s", "--repeats", 1),
        *("--slo", "p99<1h", "--from", 400, "--to", 400, "--format", "json", target),
    )
    assert ended.code == 0, ended
    (step,) = result_of_capacity(ended.out)["steps"]
    assert step["finding"] == "holds", "200 messages in half a second"


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["search"], "--slo is required"),
        (["search", "--slo", "p99<1s", "-R", 5], "search chooses the rate"),
        (["search", "--slo", "p99<1s", "-n", 5], "excludes --messages"),
        (["search", "--slo", "p99<1s", "--from", 5, "--to", 4], "--from 5 must not be above --to 4"),
        (["search", "--slo", "p99<1s", "--repeats", 2], "--repeats: must be odd"),
        (["search", "--slo", "p99<1s", "--precision", "0%"], "--precision: must be 0.1% to 100%"),
        (["sweep"], "either --rates A:B:STEPS or --connections A:B:STEPS is required"),
        (["sweep", "--rates", "1k:2k"], "--rates: must be A:B:STEPS"),
        (["sweep", "--rates", "1k:2k:3", "-c", "1:5:3"], "either --rates"),
        (["sweep", "--rates", "1k:2k:3", "-R", "5"], "--rates sets the rate"),
        (["sweep", "-c", "1:5:3", "-R", "5:9"], "a --rate that does not change"),
        (["search", "--slo", "p99<1s", "-R", "1k@3s"], "search chooses the rate"),
        (["search", "--slo", "p99<1s", "--think", "1s"], "search chooses the rate"),
        (["search", "--slo", "p99<1s", "--replay", "1:0:5"], "excludes --replay"),
        (["search", "--slo", "p99<1s", "--percentiles", "50"], "unexpected argument '--percentiles'"),
        (["sweep", "-c", "1:5:3", "-R", "1k@3s"], "a --rate that does not change"),
        (["sweep", "-c", "1:5:3", "--arrival", "poisson"], "--arrival requires --rate or --rates"),
        (["sweep", "-c", "1:5:3", "--max-in-flight", 5], "--max-in-flight requires --rate or --rates"),
        (["sweep", "-c", "1:5:3", "--percentiles", "50"], "unexpected argument '--percentiles'"),
        (["repeat", "-o", "x", "--slo", "outage<1s"], "--slo outage<1s requires --reconnect"),
        (["saerch"], "did you mean search?"),
    ],
)
def test_what_cannot_be_searched_is_refused(arguments, error):
    ended = echoload(*arguments, *([] if arguments == ["saerch"] else ["127.0.0.1:1"]))
    assert (ended.code, ended.out) == (2, "")
    assert error in ended.err


# --- sweep


def test_a_sweep_of_rates_shows_each_point(echod, tmp_path):
    page = tmp_path / "page.html"
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *SWEEP, "-c", 4, "--rates", "200:600:3", "--runs", 2, "--report", page,
        *("--format", "json", target),
    )  # fmt: skip
    text = echoload(*SWEEP, "-c", 4, "--rates", "200:600:3", target).out
    assert ended.code in (0, 5), ended
    found = result_of_capacity(ended.out)
    assert [step["rate"] for step in found["steps"]] == [200, 400, 600, 600, 400, 200]
    assert [(point["rate"], point["runs"]) for point in found["points"]] == [
        (200, 2), (400, 2), (600, 2)
    ]  # fmt: skip
    for point in found["points"] if ended.code == 0 else ():  # 5: the machine was too busy
        assert point["messages_per_s"] == pytest.approx(point["rate"], rel=0.2)
    assert found["answer"] is None
    assert re.search(r"^points +200/s: \d+/s answered, p50 ", text, re.M), text
    assert len(re.findall(r"^(?:points)? +[246]00/s: ", text, re.M)) == 3
    html = page.read_text()
    xml.etree.ElementTree.fromstring(html.partition("\n")[2])
    assert "Latency over rate" in html and "<caption>Points</caption>" in html


def test_connections_can_be_swept_in_a_closed_and_in_an_open_loop(echod):
    target = "{}:{}".format(*echod().address)
    closed = echoload(*SWEEP, "-c", "1:9:3", "--format", "json", target)
    opened = echoload(*SWEEP, "-c", "2:4:2", "-R", 300, "--format", "json", target)
    found = result_of_capacity(closed.out)
    asked = [found["asked"], result_of_capacity(opened.out)["asked"]]
    assert [(each["loop"], each["connections"]) for each in asked] == [("closed", None), ("open", None)]
    assert [point["connections"] for point in found["points"]] == [1, 5, 9]
    assert all(point["asked_per_s"] is None for point in found["points"])
    assert [point["asked_per_s"] for point in result_of_capacity(opened.out)["points"]] == pytest.approx(
        [300, 300], rel=0.02
    )


def test_a_point_at_which_a_condition_does_not_hold_fails_the_sweep(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *SWEEP, "-c", 1, "--rates", "100:200:2", "--slo", "min<1ns",
        *("--format", "json", target),
    )  # fmt: skip
    findings = [point["finding"] for point in result_of_capacity(ended.out)["points"]]
    assert ended.code == (3 if "fails" in findings else 5), ended


def test_a_percentile_makes_the_runs_of_an_open_loop_long_enough_for_connections_too(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *("sweep", "-c", "1:2:2", "-R", 400, "-p", 64, "-d", "1ms", "--warmup", "0s"),
        *("--slo", "p99<1h,errors<50%", "--format", "json", target),
    )
    for point in result_of_capacity(ended.out)["points"]:
        assert point["finding"] != "not measured", "200 messages in half a second"


def test_a_condition_that_too_few_values_leave_undecided_is_not_ok(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(*("sweep", "-c", "1:1:1", "-d", "500ms", "--slo", "p99.999<1h", target))
    assert ended.code == 6, ended
    assert re.search(r"^verdict +undecided \(exit 6\): 1 of 1 points are undecided: at 1 connections: "
                     r"not measured: p99.999 needs at least 100000 values", ended.out, re.M), ended  # fmt: skip


def test_a_run_that_abort_on_ends_fails_the_sweep(echod):
    target = "{}:{}".format(*echod().address)
    ended = echoload(
        *("sweep", "-c", "1:1:1", "-d", "1h", "--warmup", "0s", "--abort-on", "p50>0ns"),
        *("--format", "json", target),
    )
    (point,) = result_of_capacity(ended.out)["points"]
    assert ended.code == (3 if point["finding"] == "fails" else 5), ended


def test_an_interrupted_sweep_reports_its_points():
    begun = threading.Event()

    def handler(connection, number):
        if number >= 1:
            begun.set()
        for data in received(connection):
            connection.sendall(data)

    with serve(handler) as target:
        running = start_echoload(
            *SWEEP, "-q", "-c", 1, "--rates", "100:1000:100", "--format", "json", target
        )
        assert begun.wait(HANG_TIMEOUT)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=HANG_TIMEOUT)
    assert running.returncode == 143, err
    found = result_of_capacity(out)
    assert len(found["points"]) == 100
    assert found["points"][0]["runs"] == 1
    assert found["points"][-1]["finding"] is None


def test_the_schema_is_valid_and_describes_every_field():
    VALIDATOR.check_schema(SCHEMA)

    def check(schema):
        if isinstance(schema, dict):
            if "properties" in schema and "type" in schema:
                assert schema["additionalProperties"] is False
                assert all(field.get("description") for field in schema["properties"].values())
            for each in schema.values():
                check(each)
        elif isinstance(schema, list):
            for each in schema:
                check(each)

    check(SCHEMA)
