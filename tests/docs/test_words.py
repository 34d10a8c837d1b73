# SPDX-License-Identifier: MIT
"""Holds the manual pages, README.md and the completions to the programs, and the reverse."""

import json
import re
import socket
import tomllib

import pytest
import words
from words import ROOT

PROGRAMS = ("echod", "echoload")
COMPLETE = {
    "bash": words.complete_in_bash,
    "zsh": words.complete_in_zsh,
    "fish": words.complete_in_fish,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_the_manual_page_have_the_same_options(program):
    options = words.options_of_help(words.help_text(program))
    assert {"--help", "--version"} < options
    assert words.options_of_page(words.PAGE[program]) == options


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_the_manual_page_have_the_same_exit_statuses(program):
    statuses = words.exit_statuses_of_help(words.help_text(program))
    assert {"0", "1", "2"} < statuses
    page = words.section(words.PAGE[program], "EXIT STATUS")
    assert sorted(re.findall(r"^\.It (\d+)$", page, re.MULTILINE)) == sorted(statuses)


def test_help_of_the_daemon_fits_a_terminal_of_100_columns():
    lines = words.help_text("echod").split("\n")
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_completion_offers_just_the_options_of_help(program, shell):
    options = words.options_of_help(words.help_text(program))
    assert COMPLETE[shell](program, "-") == options


@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize(
    "program, option, choices",
    [
        ("echod", "--stats", {"json", "openmetrics"}),
        ("echoload", "--arrival", {"const", "poisson"}),
        ("echoload", "--close", {"fin", "half", "rst"}),
        ("echoload", "--format", {"text", "json"}),
        ("echoload", "--on-mismatch", {"stop", "count"}),
        ("echoload", "--split", {"none", "random", "byte", "header"}),
        ("echoload", "--verify", {"full", "header", "off"}),
    ],
)
def test_a_completion_offers_just_the_words_that_an_option_takes(program, option, choices, shell):
    refusal = words.run(words.BINARY[program], option, "wrong")
    assert refusal.returncode == 2
    told = re.search(r"(?:must be|not in) (.*?)(?:, is|;)", refusal.stderr)[1]
    assert set(re.findall(r"\w+", told)) - {"or"} == choices
    assert COMPLETE[shell](program, option, "") == choices


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize("option, end", [("--abuse", ":"), ("--expect", "=")])
def test_a_completion_offers_just_the_modes_that_there_are(option, end, shell):
    refusal = words.run(words.BINARY["echoload"], option, "wrong")
    told = re.search(r"with a MODE of (.*?), is", refusal.stderr)[1]
    assert COMPLETE[shell]("echoload", option, "") == {mode + end for mode in told.split(", ")}


@pytest.mark.parametrize(
    "shell, file",
    [
        (file.parent.name, file.name)
        for file in sorted(words.COMPLETIONS.glob("*/*"))
        if file.parent.name in COMPLETE
    ],
)
def test_a_completion_is_valid_in_its_shell(shell, file):
    result = words.run(shell, "-n", words.COMPLETIONS / shell / file)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.fixture(scope="session")
def defaults(tmp_path_factory):
    empty = tmp_path_factory.mktemp("config") / "empty.toml"
    empty.touch()
    result = words.run(words.BINARY["echod"], "--config", empty, "--print-config")
    assert (result.returncode, result.stderr) == (0, "")
    return words.flatten(tomllib.loads(result.stdout))


def test_the_installed_file_holds_every_key_at_its_default(defaults):
    assert words.flatten(tomllib.loads((ROOT / "config/echod.toml").read_text())) == defaults


def test_readme_shows_every_key_at_its_default(defaults):
    assert words.flatten(words.toml_of_readme()) == defaults


def test_the_manual_page_of_the_file_has_every_key_with_its_default(defaults):
    entries = words.config_entries_of_page()
    page = {key: tomllib.loads(f"it = {text}")["it"] for key, (text, _) in entries.items()}
    assert page == defaults


def test_the_manual_page_of_the_file_has_what_each_key_allows(defaults, tmp_path):
    # A value that no key takes; the errors say what would be right.
    file = tmp_path / "wrong.toml"
    file.write_text("".join(f"{key} = 1979-05-27\n" for key in defaults))
    result = words.run(words.BINARY["echod"], "--config", file, "--check-config")
    assert result.returncode == 78
    allowed = dict(re.findall(r"\d: ([\w.]+): must be (.*), is 1979-05-27$", result.stderr, re.M))
    assert set(allowed) == set(defaults)
    entries = words.config_entries_of_page()
    for key, rule in allowed.items():
        page = entries[key][1]
        if number := re.fullmatch(r"\d+ to \d+", rule):
            assert f"A number, {number[0]}:" in page, key
        elif duration := re.match(r"a duration from (\w+ to \w+),", rule):
            never = ", or 0 for never." if 'or "0" for never' in rule else "."
            assert f"A duration, {duration[1]}{never}" in page, key
        elif choices := re.findall(r'"(\w+)"', rule):
            assert [word for word in choices if f"Qq {word}" not in page] == [], key
        else:
            assert rule == "a list of one or more IPv4 or IPv6 addresses in quotes"
            assert rule[0].upper() + rule[1:] in page, key


def test_the_keys_marked_restart_are_those_that_a_reload_leaves_alone():
    source = (ROOT / "src/server/config.cpp").read_text()
    needs = set(re.findall(r'compare\(running\.[\w.]+ == wanted\.[\w.]+, "([\w.]+)"\)', source))
    assert needs
    entries = words.config_entries_of_page()
    assert {key for key, (_, text) in entries.items() if ".Em Restart ." in text} == needs


def test_the_manual_page_has_every_message_id():
    log = (ROOT / "src/server/log.hpp").read_text()
    known = re.findall(r'"([0-9a-f]{32})"', log)
    assert known
    listed = words.items(words.section(words.PAGE["echod"], "LOG"), "Li")
    assert sorted(listed) == sorted(known)


def test_the_manual_page_has_every_counter_that_the_daemon_reports(daemon):
    reported = set(json.loads(daemon.ask("--stats", "json"))["counters"])
    state = {"connections", "waiting", "longest_turn"}
    listed = words.names(words.section(words.PAGE["echod"], "STATISTICS"), "Va")
    assert set(listed) == reported | state
    assert len(listed) == len(set(listed))


def test_the_source_counts_what_the_daemon_reports(daemon):
    source = (ROOT / "src/server/counters.hpp").read_text()
    names = set(re.findall(r'visit\("(\w+)"', source)) | {"closed"}
    reasons = re.search(r"kNames = \{(.*?)\}", source, re.DOTALL)[1]
    names |= {f"closed_{reason}" for reason in re.findall(r'"(\w+)"', reasons)}
    assert set(json.loads(daemon.ask("--stats", "json"))["counters"]) == names


def test_the_manual_page_has_every_field_of_the_json(daemon):
    def fields(value):
        if isinstance(value, list):
            return set().union(*map(fields, value))
        return set(value).union(*map(fields, value.values())) if isinstance(value, dict) else set()

    with socket.create_connection(("127.0.0.1", daemon.port)) as client:
        client.sendall(bytes(8))
        assert client.recv(8, socket.MSG_WAITALL) == bytes(8)  # so the lists have somebody
        state = {"busiest": []}
        while not state["busiest"]:  # the lists are made at most ten times a second
            state = json.loads(daemon.ask("--stats", "json"))
    page = set(re.findall(r"\w+", words.section(words.PAGE["echod"], "STATISTICS")))
    assert fields(state) - page == set()


def test_the_manual_page_has_every_metric(daemon):
    text = daemon.ask("--stats", "openmetrics")
    metrics = set(re.findall(r"^(echod_\w+)", text, re.MULTILINE))
    listed = words.items(words.section(words.PAGE["echod"], "STATISTICS"), "Li")
    assert {line.split()[0] for line in listed} == metrics


def test_the_manual_page_has_every_journal_field():
    source = (ROOT / "src/server/reporter.cpp").read_text()
    named = set(re.findall(r'add\("(ECHOD_[A-Z_]*[A-Z])"', source))
    assert "ECHOD_CONNECTIONS" in named
    page = set(words.names(words.section(words.PAGE["echod"], "LOG"), "Va"))
    assert page - {"ECHOD_NAME", "ECHOD_INTERVAL_NAME"} == named


def protocol_examples():
    text = (ROOT / "man/echod-protocol.7").read_text().replace(r"\e", "\\")
    pattern = r"^\$ printf '(.*?)'.*\n(?: .*\n)?((?:0[0-9a-f]{7}.*\n)+)"
    for sent, dump in re.findall(pattern, text, re.MULTILINE):
        octal = re.sub(r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8)), sent)
        rows = re.findall(r"^[0-9a-f]{8}  ([0-9a-f ]+?) +\|", dump, re.MULTILINE)
        yield octal.encode("latin-1"), bytes.fromhex("".join(rows))


@pytest.mark.parametrize("sent, received", protocol_examples())
def test_an_example_of_the_protocol_page_is_what_the_daemon_does(daemon, sent, received):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        echoed = b"".join(iter(lambda: client.recv(4096), b""))
    assert echoed == received


def readme_links():
    text = (ROOT / "README.md").read_text()
    return sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", text)))


@pytest.mark.parametrize("link", readme_links())
def test_a_link_of_readme_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_readme_has_only_options_that_the_programs_know():
    known = set().union(*(words.options_of_help(words.help_text(name)) for name in PROGRAMS))
    text = (ROOT / "README.md").read_text()
    lines = re.findall(r"^\$ (?:echod|echoload) ([^|&\n]*)", text, re.MULTILINE)
    used = {option for line in lines for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)}
    assert used
    assert used - known == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_fits_a_terminal_of_100_columns(program):
    lines = words.help_text(program).splitlines()
    assert [line for line in lines if len(line) > 100] == []


def test_the_manual_page_has_the_number_of_descriptors_that_are_kept_free():
    server = (ROOT / "src/server/server_incidents.cpp").read_text()
    control = (ROOT / "src/server/control.hpp").read_text()
    fixed = re.search(r"kReservedDescriptors = (\d+) \+ ControlSocket::kTokens;", server)[1]
    tokens = re.search(r"kTokens = (\d+);", control)[1]
    text = words.section(words.PAGE["echod"], "LISTENING SOCKETS")
    assert f"one a listening socket and {int(fixed) + int(tokens)} others" in text


PAGES = ["echod.8", "echoload.1", "echod.toml.5", "echod-protocol.7"]


@pytest.mark.parametrize("title", ["EXAMPLES", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"])
@pytest.mark.parametrize("page", PAGES)
def test_a_manual_page_has_the_sections_that_readers_look_for(page, title):
    assert words.section(ROOT / "man" / page, title).strip()
