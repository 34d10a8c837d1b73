# SPDX-License-Identifier: MIT
"""echoload merge and echoload compare: results of several runs, read again."""

import json
import math
import time

import pytest

from echoload_support import echoload, honest, messages, mute, serve


@pytest.fixture
def results(tmp_path):
    """Two results with different seeds: a.json of 300 messages, b.json of 500."""
    paths = []
    with serve(honest) as target:
        for name, count in (("a", 300), ("b", 500)):
            path = tmp_path / f"{name}.json"
            ended = echoload(
                *("-c", 3, "-n", count, "-p", 2, "--format", "json", "-o", path, target)
            )
            assert ended.code == 0, ended
            paths.append(path)
    return paths


def read(path):
    return json.loads(path.read_text())


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
    assert set(both) - {"merged"} == set(a)


def test_merging_in_steps_is_merging_at_once(results, tmp_path):
    a, b = results
    step = tmp_path / "step.json"
    assert echoload("merge", a, b, "-o", step).code == 0
    assert echoload("merge", step, a).json == echoload("merge", a, b, a).json


def test_the_worst_verdict_is_that_of_all_and_says_whose_it_is(results, tmp_path):
    bad = tmp_path / "bad.json"
    with serve(mute) as target:
        ended = echoload(
            *("-c", 1, "-n", 10, "--timeout", "50ms", "--format", "json", "-o", bad, target)
        )
    assert ended.code == 5, ended
    ended = echoload("merge", results[0], bad)
    assert ended.code == 5, ended
    assert ended.json["verdict"]["exit_code"] == 5
    assert all(reason.startswith(f"{bad}: ") for reason in ended.json["verdict"]["reasons"])
    assert ended.json["errors"] == read(bad)["errors"]


def test_cohorts_of_the_same_mode_become_one(tmp_path):
    parts = [tmp_path / "a.json", tmp_path / "b.json"]
    with serve(honest) as target:
        for part, modes in zip(parts, ("idle:2", "idle:3,garbage:1")):
            ended = echoload(
                *("-c", 1, "-d", "300ms", "--abuse", modes, "--expect", "idle=keep"),
                *("--format", "json", "-o", part, target),
            )
            assert ended.code == 0, ended
    both = echoload("merge", *parts).json
    assert both["asked"]["abuse"] == {"idle": 5, "garbage": 1}
    assert both["asked"]["expect"] == {"idle": "keep"}
    compared = echoload("compare", *parts)
    assert 'asked otherwise: abuse {"idle":2}, {"idle":3,"garbage":1}' in compared.out, compared
    merged = both["abuse"]
    assert (merged["idle"]["opened"], merged["idle"]["open_at_end"]) == (5, 5)
    assert (merged["idle"]["expected"], merged["idle"]["met"]) == ("keep", True)
    assert merged["garbage"] == read(parts[1])["abuse"]["garbage"]


def test_a_run_that_never_began_can_be_merged(results, tmp_path):
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
    assert "asked otherwise: messages 300, 500" in echoload("compare", a, b).out
    assert "asked otherwise" not in ended.out


def test_a_condition_that_holds_is_exit_three(results, tmp_path):
    a, _ = results
    slower = read(a)
    slower["rate"]["messages_per_s"] *= 0.9
    after = tmp_path / "after.json"
    after.write_text(json.dumps(slower))
    passed = echoload("compare", a, after, "--fail-if", "p99>+10%", "--fail-if", "rate<-11%")
    assert passed.code == 0 and passed.out.count(": passed") == 2, passed
    failed = echoload("compare", a, after, "--fail-if", "p99>+10%,rate<-9%")
    assert failed.code == 3, failed
    assert "fail-if rate<-9%: -10.0%" in failed.out and failed.out.count(": failed") == 1


def test_the_latency_of_connecting_is_compared_too(results):
    a, b = results
    ended = echoload("compare", a, b, "--fail-if", "connect.max>+1000000%")
    assert ended.code == 0, ended
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert len(rows["connect.max"]) == 3 and ended.out.count(": passed") == 1


def test_the_error_rate_that_is_compared_is_the_one_that_a_run_is_held_to(results, tmp_path):
    def slow(connection, _number):
        for message in messages(connection):
            time.sleep(0.02)
            connection.sendall(message)

    lossy = tmp_path / "lossy.json"
    with serve(slow) as target:
        arguments = ["-c", 1, "-R", 1000, "-n", 50, "--max-in-flight", 2]
        arguments += ["--max-error-rate", "1%", "--format", "json", "-o", lossy]
        assert echoload(*arguments, target).code == 5  # also the rate is missed
    assert read(lossy)["open_loop"]["shed"] > 0
    gate = read(lossy)["gates"][0]
    ended = echoload("compare", results[0], lossy)
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert rows["error-rate"][0] == "0%"
    assert float(rows["error-rate"][1].rstrip("%")) / 100 == pytest.approx(gate["measured"])


def test_a_condition_without_a_figure_fails(results):
    ended = echoload("compare", *results, "--fail-if", "response.p99>+1000000%")
    assert ended.code == 3, ended  # a closed loop has none
    assert "failed, there is no figure" in ended.out


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
def test_a_file_that_is_no_result_is_named_with_the_place(results, command, spoil, words):
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
        (["compare", "a", "b", "c"], "c"),
        (["compare", "a", "b", "--fail-if", "p99"], "--fail-if: must be FIGURE>+N%"),
    ],
)
def test_wrong_usage_is_one_line_that_leads_to_the_right_help(arguments, words):
    ended = echoload(*arguments)
    assert ended.code == 2, ended
    assert words in ended.err and ended.err.count("\n") == 1
    assert f"see echoload {arguments[0]} --help" in ended.err


def test_help_of_both_says_what_they_do():
    for command in ("merge", "compare"):
        ended = echoload(command, "--help")
        assert ended.code == 0 and ended.err == "" and f"echoload {command}" in ended.out
        assert max(map(len, ended.out.splitlines())) <= 100


def test_a_host_of_that_name_is_still_a_target():
    for name in ("compare", "merge"):
        ended = echoload("-c", 1, f"{name}:1", "-n", 1, "--timeout", "1s")
        assert ended.code == 1 and "see echoload" not in ended.err, ended
