# SPDX-License-Identifier: MIT
"""Holds echoload(1) to the results that the program writes: every field is explained."""

import contextlib
import json
import re
import socket
import threading
import time

import pytest
import words

ECHOLOAD = words.BINARY["echoload"]
# Names of members that have an item of their own under --abuse.
MODES = {"slow-read", "dribble", "idle", "half-header", "oversize", "garbage", "rst", "never-read"}


def run(directory, target, *arguments, code=0):
    """The JSON of a run, and the lines of its series."""
    result, series = directory / "result.json", directory / "series.ndjson"
    ended = words.run(
        *(ECHOLOAD, "-q", "-c", 1, "-d", "200ms", "--format", "json", "-o", result),
        *("--interval", "50ms", "--timeseries", series, *arguments, target),
    )
    assert ended.returncode == code, ended
    lines = list(map(json.loads, series.read_text().splitlines()))
    return json.loads(result.read_text()), lines


@contextlib.contextmanager
def liar():
    """A server that turns a bit of what it echoes, after a while."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        lies_from = time.monotonic() + 0.1  # there is a measured part before
                        while data := connection.recv(4096):
                            lies = time.monotonic() >= lies_from
                            connection.sendall(bytes([data[0] ^ lies]) + data[1:])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "127.0.0.1:{}".format(listener.getsockname()[1])


@pytest.fixture(scope="session")
def results(daemon, tmp_path_factory):
    """Of each kind of run, its JSON and its series."""
    directory = tmp_path_factory.mktemp("results")
    target = f"127.0.0.1:{daemon.port}"
    found = {
        "closed": run(directory, target, "--slo", "p99=1h", "--server-pid", daemon.process.pid),
        "open": run(directory, target, "-R", 500),
        "churn": run(directory, target, "--conn-messages", 5, "--close", "half"),
        "abuse": run(directory, target, "--abuse", "rst:2,idle:1", "--expect", "idle=keep"),
    }
    with liar() as lying:
        found["wrong"] = run(directory, lying, code=4)
    parts = [directory / "one.json", directory / "two.json"]
    for part, (result, _) in zip(parts, list(found.values())):
        part.write_text(json.dumps(result))
    merged = words.run(ECHOLOAD, "merge", *parts)
    assert merged.returncode == 0, merged
    found["merged"] = json.loads(merged.stdout), []
    return found


def keys(value):
    """The names of all fields, however deep."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    return set(value).union(*map(keys, value.values())) if isinstance(value, dict) else set()


def explained(*titles):
    """What stands under `.Va` in these parts of echoload(1)."""
    page = words.PAGE["echoload"].read_text()
    names = set()
    for title in titles:
        part = re.search(rf"^\.S[hs] {title}\n(.*?)(?=^\.S[hs] |\Z)", page, re.M | re.DOTALL)[1]
        for line in re.findall(r"^\.(?:It )?Va (.*)$", part, re.MULTILINE):
            names |= set(re.findall(r"\w+", line))
    return names


@pytest.mark.parametrize("kind", ["closed", "open", "churn", "abuse", "wrong", "merged"])
def test_the_manual_page_explains_every_field_of_a_result(results, kind):
    result, _ = results[kind]
    assert result["program"] == "echoload"
    assert keys(result) - MODES - explained("JSON", "MERGE AND COMPARE") == set()


@pytest.mark.parametrize("kind", ["closed", "open", "churn", "abuse"])
def test_the_manual_page_explains_every_field_of_a_series(results, kind):
    _, lines = results[kind]
    assert len(lines) >= 2
    head, *intervals = lines
    assert set(head) - explained("The series") == set()
    own = set().union(*map(set, intervals))
    assert own - explained("The series") == set()
    assert keys(intervals) - own - explained("JSON") == set()


def test_the_manual_page_explains_no_field_that_no_result_has(results):
    real = set().union(*(keys(result) for result, _ in results.values()))
    # What a field says of others, and names of the text.
    assert {name for name in explained("JSON") if "_" in name[1:]} - real == set()


def test_a_result_says_what_was_asked_with_every_option_of_the_load(results):
    load = words.help_text("echoload").split("\nResult:\n")[0]
    options = {name[2:].replace("-", "_") for name in words.options_of_help(load) if "--" in name}
    asked = {key.removesuffix("_s") for key in results["closed"][0]["asked"]}
    elsewhere = {"help", "version", "seed"}
    assert options - elsewhere == asked - {"loop", "targets", "rate_at_end"}


def labels(text):
    """What the lines of a report begin with: "messages    sent 10, ..."."""
    return [found.strip() for found in re.findall(r"^([a-z][a-z ]{10}) ", text, re.MULTILINE)]


@pytest.fixture(scope="session")
def texts(daemon):
    """Of each kind of run, its text."""
    target = f"127.0.0.1:{daemon.port}"

    def text_of(*arguments, to=target, code=0):
        ended = words.run(ECHOLOAD, "-c", 1, "-d", "200ms", *arguments, to)
        assert ended.returncode == code, ended
        return ended.stdout

    with liar() as lying:
        return {
            "closed": text_of(),
            "open": text_of("-R", 500),
            "wrong": text_of(to=lying, code=4),
            "server": text_of("--slo", "p99=1h", "--server-pid", daemon.process.pid),
            "churn": text_of("--conn-messages", 5),
            "abuse": text_of("--abuse", "idle:1"),
        }


@pytest.mark.parametrize("kind", ["closed", "open", "wrong", "server", "churn", "abuse"])
def test_the_manual_page_explains_every_line_of_the_text(texts, kind):
    shown = labels(texts[kind])
    assert {"asked", "connections", "messages", "errors", "limited by", "verdict"} <= set(shown)
    page = words.section(words.PAGE["echoload"], "RESULT").split("\n.Ss ")[0]
    listed = {name for item in re.findall(r"^\.It (.*)$", page, re.M) for name in item.split(" , ")}
    assert set(shown) - listed == set()


def runs_of(page):
    """Of each run that a page shows as it was printed, its kind and its text."""
    text = page.read_text()
    for run in re.findall(r"^echoload [\d.]+: .*?^verdict +[^\n]+", text, re.MULTILINE | re.DOTALL):
        kind = "wrong" if "wrong echo" in run else "open" if "open loop" in run else "closed"
        yield kind, run


@pytest.mark.parametrize("page", [words.ROOT / "README.md", words.PAGE["echoload"]])
def test_the_runs_that_are_shown_have_the_lines_of_todays_report(texts, page):
    shown = list(runs_of(page))
    assert shown
    for kind, run in shown:
        assert labels(run) == labels(texts[kind]), run


def test_readme_shows_a_closed_loop_an_open_loop_and_a_wrong_echo(texts):
    assert {kind for kind, _ in runs_of(words.ROOT / "README.md")} == {"closed", "open", "wrong"}
