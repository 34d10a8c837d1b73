# SPDX-License-Identifier: MIT
"""Compares echoload(1) with the results of the program: every field must be explained."""

import contextlib
import json
import re
import shlex
import socket
import subprocess
import threading
import time

import jsonschema
import pytest
import words

ECHOLOAD = words.BINARY["echoload"]
SCHEMA = json.loads((words.ROOT / "client/report/result.schema.json").read_text())
# Names of members that have their own item under --abuse.
MODES = {"slow-read", "dribble", "idle", "half-header", "oversize", "garbage", "rst", "never-read"}


def run(directory, target, *arguments, load=("-c", 1, "-d", "200ms"), code=0):
    """The JSON of a run, and the lines of its series."""
    result, series = directory / "result.json", directory / "series.ndjson"
    ended = words.run(
        *(ECHOLOAD, "-q", *load, "--format", "json", "-o", result),
        *("--interval", "50ms", "--timeseries", series, *arguments, target),
    )
    assert code is None or ended.returncode == code, ended
    lines = list(map(json.loads, series.read_text().splitlines()))
    return json.loads(result.read_text()), lines


@contextlib.contextmanager
def closing_server():
    """A server that closes its first connection in the middle of a message."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                with listener.accept()[0] as connection:
                    connection.recv(1)
                while True:
                    with listener.accept()[0] as connection:
                        while data := connection.recv(4096):
                            connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "127.0.0.1:{}".format(listener.getsockname()[1])


@contextlib.contextmanager
def faulty_server():
    """A server that flips a bit of an echo after a while."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        faulty_from = time.monotonic() + 0.1  # after the start of the measured part
                        while data := connection.recv(4096):
                            flips = time.monotonic() >= faulty_from
                            connection.sendall(bytes([data[0] ^ flips]) + data[1:])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "127.0.0.1:{}".format(listener.getsockname()[1])


@pytest.fixture(scope="session")
def results(daemon, tmp_path_factory):
    """The JSON and the series of each kind of run."""
    directory = tmp_path_factory.mktemp("results")
    target = f"127.0.0.1:{daemon.port}"
    found = {
        # Two connections and a second: what is compared between connections, and over the run.
        "closed": run(directory, target, "--slo", "p99=1h", "--server-pid", daemon.process.pid,
                      load=("-c", 2, "-d", "1100ms")),
        "open": run(directory, target, "-R", 500, code=None),  # on a busy machine some come late
        "churn": run(directory, target, "--conn-messages", 5, "--close", "half"),
        "abuse": run(directory, target, "--abuse", "rst:2,idle:1", "--expect", "idle=keep"),
        "part": run(directory, target, "--part", "1/2", "--seed", 7, "--start-at", "+1s",
                    load=("-c", 2, "-d", "200ms")),
    }
    found["stages"] = run(directory, target, load=("-c", 1, "-R", "200@100ms,0:200@100ms"), code=None)
    found["aborted"] = run(directory, target, "--abort-on", "rate>0", code=3,
                           load=("-c", 1, "-d", "1h"))
    with closing_server() as closing:
        found["outage"] = run(directory, closing, "--reconnect", "--slo", "outages<=1")
    with faulty_server() as faulty:
        found["wrong"] = run(directory, faulty, code=4)
    parts = [directory / "one.json", directory / "two.json"]
    for seed, part in enumerate(parts):  # of two clients that ran at the same time
        part.write_text(json.dumps(found["closed"][0] | {"seed": seed}))
    merged = words.run(ECHOLOAD, "merge", *parts)
    assert merged.returncode == 0, merged
    found["merged"] = json.loads(merged.stdout), []
    return found


@pytest.mark.parametrize("kind", ["closed", "open", "churn", "outage", "abuse", "part", "wrong", "merged",
                                  "stages", "aborted"])
def test_the_published_schema_describes_every_result(results, kind):
    jsonschema.Draft202012Validator(SCHEMA).validate(results[kind][0])


def keys(value):
    """The names of all fields at all levels."""
    if isinstance(value, list):
        return set().union(*map(keys, value))
    return set(value).union(*map(keys, value.values())) if isinstance(value, dict) else set()


def explained(*titles):
    """The names marked `.Va` in these parts of echoload(1)."""
    page = words.PAGE["echoload"].read_text()
    names = set()
    for title in titles:
        part = re.search(rf"^\.S[hs] {title}\n(.*?)(?=^\.S[hs] |\Z)", page, re.M | re.DOTALL)[1]
        for line in re.findall(r"^\.(?:It )?Va (.*)$", part, re.MULTILINE):
            names |= set(re.findall(r"\w+", line))
    return names


@pytest.mark.parametrize("kind", ["closed", "open", "churn", "outage", "abuse", "part", "wrong", "merged",
                                  "stages", "aborted"])
def test_the_manual_page_explains_every_field_of_a_result(results, kind):
    result, _ = results[kind]
    assert result["program"] == "echoload"
    assert keys(result) - MODES - explained("JSON", "MERGE AND COMPARE") == set()


def test_the_manual_page_explains_every_field_of_the_file_of_repeat(daemon, tmp_path):
    path = tmp_path / "series.json"
    arguments = ["-q", "--runs", 2, "--pause", "0s", "-c", 1, "-n", 1, "-o", path]
    assert words.run(ECHOLOAD, "repeat", *arguments, f"127.0.0.1:{daemon.port}").returncode == 0
    series = json.loads(path.read_text())
    assert keys(series["runs"].pop()["result"]) - MODES - explained("JSON") == set()
    series["runs"][0]["result"] = None
    assert keys(series) - explained("REPEAT") == set()


@pytest.mark.parametrize(
    "command", [("search", "--slo", "p50<1h", "--from", 100, "--to", 100),
                ("sweep", "--rates", "100:200:2"), ("sweep", "-c", "1:2:2")],
)  # fmt: skip
def test_the_manual_page_explains_every_field_of_a_search_and_a_sweep(daemon, command):
    name, *arguments = command
    arguments += ["-q", "-p", 16, "-d", "100ms", "--warmup", "0s", "--format", "json"]
    if "-c" not in arguments:
        arguments += ["-c", 1]
    found = words.run(ECHOLOAD, name, *arguments, f"127.0.0.1:{daemon.port}")
    assert found.returncode in (0, 5), found  # 5 where the machine was too busy
    result = json.loads(found.stdout)
    result.pop("asked")  # as of a result
    assert keys(result) - explained("JSON", "SEARCH", "SWEEP") == set()


@pytest.mark.parametrize("kind", ["closed", "open", "churn", "outage", "abuse", "part"])
def test_the_manual_page_explains_every_field_of_a_series(results, kind):
    _, lines = results[kind]
    assert len(lines) >= 2
    head, *intervals = lines
    assert set(head) - explained("The series") == set()
    own = set().union(*map(set, intervals))
    assert own - explained("The series") == set()
    assert keys(intervals) - own - explained("JSON") == set()


def test_the_manual_page_explains_only_existing_fields(results):
    real = set().union(*(keys(result) for result, _ in results.values()))
    # References to other fields, and names of the text report.
    assert {name for name in explained("JSON") if "_" in name[1:]} - real == set()


def test_a_result_contains_every_option_of_the_load(results):
    load = words.help_text("echoload").split("\nResult:\n")[0]
    options = {name[2:].replace("-", "_") for name in words.options_of_help(load) if "--" in name}
    asked = {key.removesuffix("_s") for key in results["closed"][0]["asked"]}
    elsewhere = {"help", "version", "seed"}
    assert options - elsewhere == asked - {"loop", "targets", "rate_at_end", "stages"}


def labels(text):
    """The first words of the lines of a report: "messages    sent 10, ..."."""
    return [found.strip() for found in re.findall(r"^([a-z][a-z ]{10}) ", text, re.MULTILINE)]


@pytest.fixture(scope="session")
def texts(daemon):
    """The text report of each kind of run."""
    target = f"127.0.0.1:{daemon.port}"

    def text_of(*arguments, to=target, code=0, connections=1):
        ended = words.run(ECHOLOAD, "-c", connections, "-d", "200ms", *arguments, to)
        assert code is None or ended.returncode == code, ended
        return ended.stdout

    def capacity_text(command, *arguments):
        # The exit status is 5 where the machine was too busy.
        short = ["-q", "-o", "-", "-c", 1, "-p", 16, "-d", "100ms", "--warmup", "0s"]
        return words.run(ECHOLOAD, command, *short, *arguments, target).stdout

    with closing_server() as closing:
        outage = text_of("--reconnect", "--slo", "outages<=1", to=closing)
    with faulty_server() as faulty:
        return {
            "outage": outage,
            "closed": text_of(connections=2),
            "open": text_of("-R", 500, code=None),  # on a busy machine some come late
            "wrong": text_of(to=faulty, code=4),
            "server": text_of("--slo", "p99=1h", "--server-pid", daemon.process.pid),
            "churn": text_of("--conn-messages", 5),
            "abuse": text_of("--abuse", "idle:1"),
            "search": capacity_text("search", "--slo", "p50<1h", "--from", 100, "--to", 100),
            "sweep": capacity_text("sweep", "--rates", "100:200:2"),
            "part": text_of("--part", "1/2", "--seed", 7, "--start-at", "+1s", connections=2),
        }


@pytest.mark.parametrize("kind", ["closed", "open", "wrong", "server", "churn", "outage", "abuse", "part"])
def test_the_manual_page_explains_every_line_of_the_text(texts, kind):
    shown = labels(texts[kind])
    assert {"requested", "connections", "messages", "errors", "bottleneck", "verdict"} <= set(shown)
    page = words.section(words.PAGE["echoload"], "RESULT").split("\n.Ss ")[0]
    listed = {name for item in re.findall(r"^\.It (.*)$", page, re.M) for name in item.split(" , ")}
    assert set(shown) - listed == set()


def runs_of(page):
    """The kind and the text of each run that a page shows."""
    text = page.read_text()
    for run in re.findall(r"^echoload [\d.]+: .*?^verdict +[^\n]+", text, re.MULTILINE | re.DOTALL):
        kind = "wrong" if "wrong echo" in run else "open" if "open loop" in run else "closed"
        if command := re.match(r"echoload [\d.]+: (search|sweep) of ", run):
            kind = command[1]
        yield "outage" if "\noutages " in run else kind, run


def test_the_runs_of_the_manual_page_have_the_lines_of_the_current_report(texts):
    shown = list(runs_of(words.PAGE["echoload"]))
    assert shown
    for kind, run in shown:
        assert labels(run) == labels(texts[kind]), run


def cut_like(run, report):
    """The labels of `report` that `run` may show: a line "..." stands for any number of lines."""
    parts = [labels(part) for part in re.split(r"^\.\.\.$", run, flags=re.MULTILINE)]
    rest = labels(report)
    for part in parts:
        while rest and part and rest[: len(part)] != part:
            rest.pop(0)
        if rest[: len(part)] != part:
            return False
        rest = rest[len(part) :]
    return True


@pytest.mark.parametrize(
    "run, expected",
    [
        ("asked       1\nmessages    2\nverdict     ok", True),
        ("asked       1\n...\nverdict     ok", True),
        ("...\nmessages    2\n...\nverdict     ok", True),
        ("...\nverdict     ok\n...\nmessages    2", False),
        ("...\nmessage     2\n...\nverdict     ok", False),
    ],
)
def test_a_run_may_leave_out_lines_but_not_change_them(run, expected):
    assert cut_like(run, "asked       9\nmessages    8\nverdict     ok") == expected


def test_the_runs_of_readme_have_lines_of_the_current_report(texts):
    shown = list(runs_of(words.ROOT / "README.md"))
    assert shown
    for kind, run in shown:
        assert cut_like(run, texts[kind]), run


def test_readme_shows_a_run_that_is_well_a_wrong_echo_and_an_outage():
    assert {kind for kind, _ in runs_of(words.ROOT / "README.md")} == {"closed", "wrong", "outage"}


def test_readme_shows_the_answer_of_a_search(texts):
    shown = re.search(
        r"^\$ echoload search .*\n\.\.\.\n(?P<answer>answer .*)$",
        (words.ROOT / "README.md").read_text(), re.MULTILINE,
    )  # fmt: skip
    # With other numbers; that answer is of an edge, and this one of the highest rate.
    assert labels(shown["answer"])[0] in labels(texts["search"])
    assert re.fullmatch(r"answer +[\d,]+/s hold; every run did up to [\d,]+/s, none from [\d,]+/s on",
                        shown["answer"])  # fmt: skip


def test_the_faulty_server_in_readme_gives_the_report_that_is_shown():
    text = (words.ROOT / "README.md").read_text()
    example = re.search(r"^\$ (socat .*?) &\n\$ echoload (.*?)\n(.*?)^```$", text, re.M | re.DOTALL)
    server, load, shown = example.groups()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ["socat", "-d", "-d", *shlex.split(server.replace("9000", port))[1:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as socat:
        try:
            assert any("listening on" in line for line in socat.stderr)
            ended = words.run(ECHOLOAD, *shlex.split(load.replace("9000", port)))
        finally:
            socat.terminate()
            socat.stderr.close()

    def lines(report):
        return re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", report).splitlines()

    printed = iter(lines(ended.stdout))
    assert [line for line in lines(shown) if line != "..." and line not in printed] == []
