# SPDX-License-Identifier: MIT
"""echoload merge and echoload compare with the results of several runs."""

import datetime
import json
import math
import re
import threading
import time

import pytest

from echoload_support import (
    HANG_TIMEOUT,
    echo_back,
    echoload,
    messages,
    mute,
    result_of,
    serve,
    start_echoload,
)
from witness import witness


def at_the_same_time(first, *others):
    """Makes the results those of runs that were measured together, as merge requires."""
    start = read(first)
    for path in others:
        result = read(path)
        for key in ("started", "ended", "ramp_up_s", "window_s"):
            result[key] = start[key]
        path.write_text(json.dumps(result))


@pytest.fixture
def results(tmp_path):
    """Two results of the same time with different seeds: a.json of 300 messages, b.json of 500."""
    paths = []
    with serve(echo_back) as target:
        for name, count in (("a", 300), ("b", 500)):
            path = tmp_path / f"{name}.json"
            ended = echoload(
                *("-c", 3, "-n", count, "-p", 2, "--format", "json", "-o", path, target)
            )
            assert ended.code == 0, ended
            paths.append(path)
    at_the_same_time(*paths)
    return paths


def read(path):
    return result_of(path.read_text())


def nearest_rank(buckets, percent, largest):
    wanted = math.ceil(percent * sum(count for _, count in buckets) / 100 - 1e-9)
    for edge, count in buckets:
        wanted -= count
        if wanted <= 0:
            return min(edge, largest)
    raise AssertionError("there are fewer")


def test_the_buckets_of_a_result_add_up_to_its_figures(results):
    latency = read(results[1])["latency"]
    buckets = latency["histogram"]["buckets"]
    assert latency["histogram"]["scheme"] == "log-linear-1024"
    assert sum(count for _, count in buckets) == latency["count"] == 500
    assert latency["mean_ns"] == int(latency["histogram"]["sum_ns"]) // 500
    assert buckets == sorted(buckets)
    for key, percent in (("p50_ns", 50), ("p90_ns", 90), ("p99_ns", 99), ("p99_9_ns", 99.9)):
        assert latency[key] == nearest_rank(buckets, percent, latency["max_ns"])


def test_merging_loses_nothing(results):
    a, b = map(read, results)
    ended = echoload("merge", *results)
    assert ended.code == 0 and ended.err == "", ended
    both = ended.json
    counted = {}
    for part in (a, b):
        for edge, count in part["latency"]["histogram"]["buckets"]:
            counted[edge] = counted.get(edge, 0) + count
    latency = both["latency"]
    assert latency["histogram"]["buckets"] == [list(pair) for pair in sorted(counted.items())]
    assert latency["count"] == 800
    assert int(latency["histogram"]["sum_ns"]) == sum(
        int(part["latency"]["histogram"]["sum_ns"]) for part in (a, b)
    )
    assert latency["p99_ns"] == nearest_rank(sorted(counted.items()), 99, latency["max_ns"])
    assert latency["max_ns"] == max(a["latency"]["max_ns"], b["latency"]["max_ns"])
    for section in ("messages", "bytes", "connections"):
        for key, value in both[section].items():
            assert value == a[section][key] + b[section][key], key
    assert both["rate"]["messages_per_s"] == pytest.approx(
        a["rate"]["messages_per_s"] + b["rate"]["messages_per_s"]
    )
    assert both["asked"]["connections"] == 6 and both["asked"]["messages"] == 800
    assert both["window_s"] == max(a["window_s"], b["window_s"])
    assert both["seed"] is None
    assert [part["seed"] for part in both["merged"]] == [a["seed"], b["seed"]]
    assert set(both) - {"merged", "parts"} == set(a)


def test_merging_in_steps_equals_merging_at_once(results, tmp_path):
    a, b = results
    step, third = tmp_path / "step.json", tmp_path / "third.json"
    third.write_text(json.dumps(read(a) | {"seed": read(a)["seed"] + 1}))
    assert echoload("merge", a, b, "-o", step).code == 0
    ended = echoload("merge", step, third)
    assert ended.code == 0, ended
    assert ended.json == echoload("merge", a, b, third).json


def test_the_merged_verdict_is_the_worst_and_names_its_run(results, tmp_path):
    bad = tmp_path / "bad.json"
    with serve(mute) as target:
        ended = echoload(
            *("-c", 1, "-n", 10, "--timeout", "50ms", "--format", "json", "-o", bad, target)
        )
    assert ended.code == 5, ended
    at_the_same_time(results[0], bad)
    ended = echoload("merge", results[0], bad)
    assert ended.code == 5, ended
    assert ended.json["verdict"]["exit_code"] == 5
    assert all(reason.startswith(f"{bad}: ") for reason in ended.json["verdict"]["reasons"])
    assert ended.json["errors"] == read(bad)["errors"]


def test_cohorts_of_the_same_mode_are_merged(tmp_path):
    parts = [tmp_path / "a.json", tmp_path / "b.json"]
    with serve(echo_back) as target:
        for part, modes in zip(parts, ("idle:2", "idle:3,garbage:1")):
            ended = echoload(
                *("-c", 1, "-d", "300ms", "--abuse", modes, "--expect", "idle=keep"),
                *("--format", "json", "-o", part, target),
            )
            assert ended.code == 0, ended
    at_the_same_time(*parts)
    both = echoload("merge", *parts).json
    assert both["asked"]["abuse"] == {"idle": 5, "garbage": 1}
    assert both["asked"]["expect"] == {"idle": "keep"}
    compared = echoload("compare", *parts)
    assert 'options differ: abuse {"idle":2}, {"idle":3,"garbage":1}' in compared.out, compared
    merged = both["abuse"]
    assert (merged["idle"]["opened"], merged["idle"]["open_at_end"]) == (5, 5)
    assert (merged["idle"]["expected"], merged["idle"]["met"]) == ("keep", True)
    assert merged["garbage"] == read(parts[1])["abuse"]["garbage"]


def test_a_run_that_did_not_start_can_be_merged(results, tmp_path):
    never = tmp_path / "never.json"
    ended = echoload("--format", "json", "-o", never, "no-such-host.invalid:80")
    assert ended.code == 1
    ended = echoload("merge", never, results[0])
    assert ended.code == 1, ended
    assert ended.json["messages"] == read(results[0])["messages"]
    assert ended.json["latency"] == read(results[0])["latency"]


def test_comparing_shows_both_and_the_difference(results, tmp_path):
    a, b = results
    slower = read(a)
    slower["rate"]["messages_per_s"] = read(a)["rate"]["messages_per_s"] / 2
    half = tmp_path / "half.json"
    half.write_text(json.dumps(slower))
    ended = echoload("compare", a, half)
    assert ended.code == 0 and ended.err == "", ended
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert rows["rate"][-1] == "-50.0%"
    assert rows["service.p99"][-1] == "+0.0%"
    assert rows["service.p99"][0] == rows["service.p99"][1]
    assert rows["verdict"] == ["ok", "ok"]
    assert "options differ: messages 300, 500" in echoload("compare", a, b).out
    assert "options differ" not in ended.out


def test_a_condition_that_is_met_exits_with_3(results, tmp_path):
    a, _ = results
    slower = read(a)
    slower["rate"]["messages_per_s"] *= 0.9
    after = tmp_path / "after.json"
    after.write_text(json.dumps(slower))
    single = ["compare", "--single-run", a, after, "--fail-if"]
    passed = echoload(*single, "p99>+10%", "--fail-if", "rate<-11%")
    assert passed.code == 0 and passed.out.count(": passed") == 2, passed
    failed = echoload(*single, "p99>+10%,rate<-9%")
    assert failed.code == 3, failed
    assert "fail-if rate<-9%: -10.0%" in failed.out and failed.out.count(": failed") == 1


def test_a_condition_can_be_a_value_of_the_second_result(results):
    a, b = results
    single = ["compare", "--single-run", a, b]
    value = read(b)["latency"]["p50_ns"]
    passed = echoload(*single, "--fail-if", f"p50>{value}ns,errors>0.1%,lost>0,rate<1")
    assert passed.code == 0 and passed.out.count(": passed") == 4, passed
    failed = echoload(*single, "--fail-if", f"p50>={value}ns,lost<=0,rate>1/s")
    assert failed.code == 3 and failed.out.count(": failed") == 3, failed


def test_the_connect_latency_is_compared(results):
    a, b = results
    ended = echoload("compare", a, b, "--single-run", "--fail-if", "connect.max>+1000000%")
    assert ended.code == 0, ended
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert len(rows["connect.max"]) == 3 and ended.out.count(": passed") == 1


def test_the_compared_error_rate_is_the_one_of_the_gate(results, tmp_path):
    def slow(connection, _number):
        for message in messages(connection):
            time.sleep(0.02)
            connection.sendall(message)

    lossy = tmp_path / "lossy.json"
    with serve(slow) as target:
        arguments = ["-c", 1, "-R", 1000, "-n", 50, "--max-in-flight", 2]
        arguments += ["--max-error-rate", "1%", "--format", "json", "-o", lossy]
        assert echoload(*arguments, target).code == 5  # the rate is missed as well
    assert read(lossy)["open_loop"]["shed"] > 0
    gate = read(lossy)["gates"][0]
    ended = echoload("compare", "--force", results[0], lossy)
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert rows["error-rate"][0] == "0%"
    assert float(rows["error-rate"][1].rstrip("%")) / 100 == pytest.approx(gate["measured"])


def test_a_condition_on_a_missing_figure_fails(results):
    ended = echoload("compare", *results, "--single-run", "--fail-if", "response.p99>+1000000%")
    assert ended.code == 3, ended  # a closed loop has no such figure
    assert "failed, there is no figure" in ended.out


def changed(path, change):
    """A copy of a result with another seed and a change."""
    result = read(path)
    result["seed"] += 1
    change(result)
    copy = path.with_name("changed.json")
    copy.write_text(json.dumps(result))
    return copy


def moved(seconds):
    def change(result):
        start = datetime.datetime.strptime(result["started"], "%Y-%m-%dT%H:%M:%S.%fZ")
        start += datetime.timedelta(seconds=seconds)
        result["started"] = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda result: moved(1.1 * result["window_s"])(result), "not measured at the same time"),
        (lambda result: moved(-0.6 * result["window_s"])(result), "not measured at the same time"),
        (lambda result: result.update(window_s=4 * result["window_s"]), "s long, and rates over"),
        (lambda result: result["asked"].update(loop="open"), "the loop is closed and open"),
        (lambda result: result.update(seed=result["seed"] - 1), "they are the same result"),
    ],
)
def test_results_that_are_not_of_one_run_are_not_merged(results, change, words):
    a, b = results
    other = changed(a, change)
    for files in ([a, other], [a, b, other]):
        ended = echoload("merge", *files)
        assert ended.code == 2 and ended.out == "", ended
        assert f"{a} and {other} are not parts of one run: " in ended.err and words in ended.err


def test_a_part_of_a_merged_result_is_not_merged_again(results, tmp_path):
    step = tmp_path / "step.json"
    assert echoload("merge", *results, "-o", step).code == 0
    ended = echoload("merge", step, results[1])
    assert ended.code == 2 and "they are the same result" in ended.err, ended


def test_two_clients_that_ran_together_are_merged_and_two_that_followed_each_other_are_not(
    tmp_path,
):
    paths = [tmp_path / f"{name}.json" for name in "abc"]
    arguments = ["-c", 1, "-R", 200, "-d", "2s", "--format", "json", "-o"]
    with witness() as server:
        runs = [start_echoload(*arguments, path, server.target) for path in paths[:2]]
        for run in runs:
            out, err = run.communicate(timeout=HANG_TIMEOUT)
            assert run.returncode == 0, out + err
        together = server.accepted[1][0] - server.accepted[0][0]
        assert echoload(*arguments, paths[2], server.target).code == 0
    if together < 0.9:  # the machine started both within half of the measured part
        ended = echoload("merge", *paths[:2])
        assert ended.code == 0, ended
        assert ended.json["rate"]["messages_per_s"] == pytest.approx(400, rel=0.05)
    ended = echoload("merge", paths[0], paths[2])
    assert ended.code == 2 and "not measured at the same time" in ended.err, ended


def test_a_result_says_when_it_ran_and_whether_the_clock_is_right(results):
    result = read(results[0])
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    assert form.fullmatch(result["started"]) and form.fullmatch(result["ended"])
    assert result["started"] < result["ended"]
    clock = result["clock"]
    assert clock is None or (clock["estimated_error_s"] is not None) == clock["synchronised"]


@pytest.mark.parametrize(
    "option, value, words",
    [
        ("loop", "open", 'loop "closed", "open"'),
        ("sizes", "fixed:1", 'sizes "uniform:0-1016", "fixed:1"'),
        ("connections", 4, "connections 3, 4"),
        ("pipeline", 3, "pipeline 2, 3"),
        ("verify", "off", 'verify "full", "off"'),
        ("rate", 50, "rate null, 50"),
        ("rate_at_end", 50, "rate_at_end null, 50"),
        ("arrival", "poisson", 'arrival "const", "poisson"'),
        ("think_s", 0.1, "think_s 0.0, 0.1"),
        ("split", "byte", 'split "none", "byte"'),
        ("coalesce", 4, "coalesce 1, 4"),
        ("close", "rst", 'close "fin", "rst"'),
        ("conn_messages", 2, "conn_messages null, 2"),
    ],
)
def test_results_of_different_loads_are_compared_only_by_force(
    results, tmp_path, option, value, words
):
    a, _ = results
    other = read(a)
    other["asked"][option] = value
    b = tmp_path / "other.json"
    b.write_text(json.dumps(other))
    refused = echoload("compare", a, b, "--single-run", "--fail-if", "rate<-5%")
    assert refused.code == 2 and refused.out == "", refused
    assert f"are results of different loads ({words})" in refused.err and "--force" in refused.err
    forced = echoload("compare", "--force", a, b, "--single-run", "--fail-if", "rate<-5%")
    assert forced.code == 0 and f"options differ: {words}" in forced.out, forced


@pytest.mark.parametrize("outcome", ["wrong echo", "interrupted", "not possible", "not delivered"])
@pytest.mark.parametrize("side", ["A", "B"])
def test_a_bad_verdict_on_either_side_fails_the_comparison(results, tmp_path, outcome, side):
    good, _ = results
    result = read(good)
    result["verdict"] = {"outcome": outcome, "exit_code": 5, "reasons": ["it broke"]}
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(result))
    pair = [bad, good] if side == "A" else [good, bad]
    ended = echoload("compare", *pair, "--single-run", "--fail-if", "rate<-5%")
    assert ended.code == 3, ended
    assert f"fail-if: the verdict of {side} is {outcome}, it broke: failed\n" in ended.out
    assert echoload("compare", *pair).code == 0  # nothing is judged


def test_a_run_whose_server_died_does_not_pass_although_its_rate_looks_right(tmp_path):
    """The rate covers only the part before the end of the server."""
    good, broken = tmp_path / "good.json", tmp_path / "broken.json"
    arguments = ["-c", 2, "-R", 500, "-d", "1s", "--format", "json", "-o"]
    with witness() as server:
        assert echoload(*arguments, good, server.target).code == 0
    enough = threading.Event()
    with witness(lambda message: enough.set() or 0 if len(server.log) >= 200 else 0) as server:
        run = start_echoload(*arguments, broken, server.target)
        assert enough.wait(HANG_TIMEOUT)
        server.close()
        run.communicate(timeout=HANG_TIMEOUT)
    assert run.returncode == 5
    ended = echoload("compare", good, broken, "--single-run", "--fail-if", "rate<-5%")
    assert ended.code == 3, ended
    assert "fail-if: the verdict of B is not delivered" in ended.out


def spoilt(change):
    def write(path, result):
        change(result)
        path.write_text(json.dumps(result))

    return write


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda path, _: path.unlink(), "cannot read {}: ENOENT"),
        (lambda path, _: path.write_text('{"a": '), "{}: is no JSON: parse error at line 1"),
        (lambda path, _: path.write_text("[]"), "{}: must be an object"),
        (lambda path, _: path.write_text('{"program": "wrk"}'), "{}: program: must be"),
        (spoilt(lambda r: r.update(schema=99)), "{}: schema: must be 1"),
        (spoilt(lambda r: r.pop("messages")), "{}: messages: is missing"),
        (spoilt(lambda r: r["rate"].update(messages_per_s="fast")), "{}: rate.messages_per_s: "),
        (spoilt(lambda r: r["verdict"].pop("outcome")), "{}: verdict.outcome: is missing"),
        (
            spoilt(lambda r: r["latency"]["histogram"]["buckets"].append([1, -1])),
            "{}: latency.histogram.buckets[",
        ),
        (
            spoilt(lambda r: r["latency"].update(count=7)),
            "{}: latency.histogram.buckets: do not add up to count",
        ),
        (spoilt(lambda r: r["errors"].append({"phase": "read"})), "{}: errors[0].error: is missing"),
    ],
)
@pytest.mark.parametrize("command", ["merge", "compare"])
def test_an_invalid_result_file_is_reported_with_the_position(results, command, spoil, words):
    a, b = results
    spoil(b, read(b))
    ended = echoload(command, a, b)
    assert ended.code == 2, ended
    assert ended.out == "" and ended.err.count("\n") == 1
    assert "echoload: " + words.format(b) in ended.err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["merge"], "FILE is required"),
        (["compare"], "A is required"),
        (["compare", "a", "b", "c"], "3 files without -- between those of A and of B"),
        (["compare", "a", "--"], "files of both A and B are required, as A... -- B..."),
        (["compare", "--", "a"], "files of both A and B are required, as A... -- B..."),
        (["compare", "a", "--", "b", "--", "c"], "-- may be given once"),
        (["compare", "a", "b", "--fail-if", "p99"], "--fail-if: must be FIGURE>+N%"),
    ],
)
def test_wrong_usage_gives_one_line_that_refers_to_help(arguments, words):
    ended = echoload(*arguments)
    assert ended.code == 2, ended
    assert words in ended.err and ended.err.count("\n") == 1
    assert f"see echoload {arguments[0]} --help" in ended.err


def test_help_of_merge_and_compare_describes_them():
    for command in ("merge", "compare"):
        ended = echoload(command, "--help")
        assert ended.code == 0 and ended.err == "" and f"echoload {command}" in ended.out
        assert max(map(len, ended.out.splitlines())) <= 100


def test_a_host_named_like_a_command_is_still_a_target():
    for name in ("compare", "merge"):
        ended = echoload("-c", 1, f"{name}:1", "-n", 1, "--timeout", "1s")
        assert ended.code == 1 and "see echoload" not in ended.err, ended
