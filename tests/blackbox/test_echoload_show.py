# SPDX-License-Identifier: MIT
"""echoload show: a stored result has the text, the page and the histogram of its run."""

import json
import os
import re

import pytest

from echoload_support import (
    closes_first,
    echo_back,
    echoload,
    flips_a_bit,
    result_of,
    serve,
)

COURSE = re.compile(r"<h2>Course of the run</h2>.*?(?=<h2>)", re.DOTALL)


class Stored:
    """A run whose result is stored as JSON, with its page and its histogram."""

    def __init__(self, directory, handler, *arguments):
        self.file = directory / "result.json"
        self.page = directory / "page.html"
        self.hdr = directory / "latency.hgrm"
        with serve(handler) as target:
            self.run = echoload(
                *("-q", "-c", 2, "--format", "json", "-o", self.file),
                *("--report", self.page, "--hdr", self.hdr, *arguments, target),
            )
        self.result = result_of(self.file.read_text())


LOADS = {
    "closed": (echo_back, ["-n", 200, "--slo", "p50=1h,p99.99=1h", "--max-error-rate", "0%"]),
    "open": (echo_back, ["-R", 500, "-d", "300ms", "--server-pid", os.getpid()]),
    "churn": (echo_back, ["-n", 100, "--conn-messages", 5, "--close", "half"]),
    "outage": (closes_first(), ["-n", 200, "--reconnect", "--slo", "outages<=1"]),
    "abuse": (echo_back, ["-n", 100, "--abuse", "rst:2,idle:1", "--expect", "idle=keep"]),
    "wrong": (flips_a_bit(1000), ["-n", 100]),
}


@pytest.fixture(params=LOADS)
def stored(tmp_path, request):
    handler, arguments = LOADS[request.param]
    return Stored(tmp_path, handler, *arguments)


def test_the_histogram_and_the_page_are_those_of_the_run(stored, tmp_path):
    hdr, page = tmp_path / "shown.hgrm", tmp_path / "shown.html"
    shown = echoload("show", stored.file, "--hdr", hdr, "--report", page)
    assert (shown.code, shown.err) == (0, ""), shown
    assert hdr.read_bytes() == stored.hdr.read_bytes()
    of_run = stored.page.read_text()
    assert page.read_text() == COURSE.sub("", of_run)


def test_the_text_has_the_figures_of_the_result(stored):
    shown = echoload("show", stored.file)
    assert (shown.code, shown.err) == (0, ""), shown
    result = stored.result
    assert shown.out.startswith(f"echoload {result['version']}: {result['asked']['loop']} loop, ")
    assert f", seed {result['seed']}\n" in shown.out
    messages = result["messages"]
    assert f"messages    sent {messages['sent']}, verified {messages['verified']}, " in shown.out
    assert f"bottleneck  {result['limit']['limited_by']}: {result['limit']['reason']}\n" in shown.out
    verdict = result["verdict"]
    assert f"verdict     {verdict['outcome']}" in shown.out.splitlines()[-1]
    # With -q, the run has printed the lines on what is wrong.
    assert all(line in shown.out.splitlines() for line in stored.run.err.splitlines())


def test_json_is_the_stored_result(stored, tmp_path):
    output = tmp_path / "again.json"
    assert echoload("show", stored.file, "--format", "json", "-o", output).code == 0
    assert output.read_bytes() == stored.file.read_bytes()
    assert echoload("show", stored.file, "--format", "json").out == stored.file.read_text()


@pytest.fixture
def result(tmp_path):
    return Stored(tmp_path, *[LOADS["closed"][0], "-n", 50]).file


def test_several_results_have_the_names_of_their_files(result, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(result.read_text())
    one = echoload("show", result).out
    shown = echoload("show", result, other)
    assert shown.code == 0 and shown.out == f"{result}:\n{one}\n{other}:\n{one}"


def test_a_merged_result_shows_its_parts_and_what_differs(result, tmp_path):
    other, merged = tmp_path / "other.json", tmp_path / "merged.json"
    changed = json.loads(result.read_text())
    changed["seed"] += 1
    changed["asked"]["split"] = "byte"
    changed["asked"]["pipeline"] = 7
    other.write_text(json.dumps(changed))
    assert echoload("merge", result, other, "-o", merged).code == 0
    shown = echoload("show", merged)
    assert shown.code == 0, shown
    head, requested, *parts = shown.out.splitlines()[:4]
    assert ": closed loop, 4 connections with - in flight to " in head
    assert requested.endswith(", with different split, seed -")
    assert parts[0].startswith(f"merged      {result}: ") and parts[0].endswith(", ok")
    assert parts[1].startswith(f"            {other}: ") and f"seed {changed['seed']}" in parts[1]
    assert "messages    sent 100, verified 100, " in shown.out
    assert shown.out.endswith("verdict     ok: every echo was byte for byte what was sent\n")
    page = tmp_path / "merged.html"
    assert echoload("show", merged, "--report", page, "-o", "/dev/null").code == 0
    assert "<caption>Merged</caption>" in page.read_text()


def test_a_run_that_never_began_shows_why(tmp_path):
    file = tmp_path / "never.json"
    ended = echoload(
        *("--format", "json", "-o", file, "--hdr", tmp_path / "none" / "x", "127.0.0.1:1")
    )
    assert ended.code == 1, ended
    shown = echoload("show", file, "--hdr", tmp_path / "x", "--report", tmp_path / "y")
    assert shown.code == 0, shown
    reason = result_of(file.read_text())["verdict"]["reasons"][0]
    assert shown.out.splitlines()[2:] == [f"verdict     not possible (exit 1): {reason}"]
    assert "Nothing was measured." in (tmp_path / "y").read_text()


def test_a_file_that_is_shown_may_be_replaced(result):
    text = echoload("show", result).out
    assert echoload("show", result, "-o", result).code == 0
    assert result.read_text() == text


@pytest.mark.parametrize("option", ["--hdr", "--report"])
def test_a_file_that_cannot_be_written_does_not_lose_the_others(result, tmp_path, option):
    page = tmp_path / "shown.html"
    other = [] if option == "--report" else ["--report", page]
    shown = echoload("show", result, option, "/dev/full", *other)
    assert shown.code == 1, shown
    assert shown.err.startswith("echoload: cannot write /dev/full: ENOSPC"), shown
    assert shown.out == echoload("show", result).out
    assert page.exists() == bool(other)


def refused(*arguments):
    ended = echoload("show", *arguments)
    assert (ended.code, ended.out) == (2, ""), ended
    return ended.err


def test_what_cannot_be_shown_is_refused(result, tmp_path):
    text = json.loads(result.read_text())
    text["loops"][0]["turns"] = "many"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(text))
    assert refused(bad) == f"echoload: {bad}: loops[0].turns: must be a whole number\n"
    assert refused(result, bad) == f"echoload: {bad}: loops[0].turns: must be a whole number\n"
    none = tmp_path / "none.json"
    assert refused(none).startswith(f"echoload: cannot read {none}: ENOENT")
    for option in (["--hdr", "x"], ["--report", "x"], ["--format", "json"]):
        name = option[0] if option[1] == "x" else "--format json"
        assert refused(result, result, *option).startswith(
            f"echoload: {name} takes one FILE, 2 are given"
        )
    assert "--hdr and --report must be different files" in refused(
        *(result, "--hdr", tmp_path / "x", "--report", tmp_path / "x")
    )
    assert "--help" in refused()


def test_a_misspelled_command_is_named():
    ended = echoload("shwo", "result.json")
    assert ended.code == 2 and "did you mean show?" in ended.err
