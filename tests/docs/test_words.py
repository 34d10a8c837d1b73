# SPDX-License-Identifier: MIT
"""Compares the manual pages, README.md and the completions with the programs."""

import json
import re
import socket
import tomllib

import pytest
import words
from words import ROOT

PROGRAMS = ("echod", "echoload")
ALL_PROGRAMS = (*PROGRAMS, "echod-exporter")
COMPLETE = {
    "bash": words.complete_in_bash,
    "zsh": words.complete_in_zsh,
    "fish": words.complete_in_fish,
}


@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_a_program_has_the_version_of_meson(program):
    version = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
    assert words.run(words.BINARY[program], "--version").stdout == f"{program} {version}\n"


@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_help_and_the_manual_page_have_the_same_options(program):
    options = words.options_of_help(words.help_text(program))
    assert {"--help", "--version"} < options
    assert words.options_of_page(words.PAGE[program]) == options


@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_help_and_the_manual_page_have_the_same_exit_statuses(program):
    statuses = words.exit_statuses_of_help(words.help_text(program))
    assert {"0", "1", "2"} <= statuses
    page = words.section(words.PAGE[program], "EXIT STATUS")
    assert sorted(re.findall(r"^\.It (\d+)$", page, re.MULTILINE)) == sorted(statuses)


def test_help_of_the_daemon_fits_100_columns():
    lines = words.help_text("echod").split("\n")
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_a_completion_offers_exactly_the_options_of_help(program, shell):
    options = words.options_of_help(words.help_text(program))
    assert COMPLETE[shell](program, "-") == options


RUNNING = ("repeat", "search", "sweep")


@pytest.mark.parametrize("command", RUNNING)
@pytest.mark.parametrize("shell", COMPLETE)
def test_a_completion_offers_exactly_the_options_of_a_command(command, shell):
    options = words.options_of_help(words.help_text("echoload", command))
    assert COMPLETE[shell]("echoload", command, "-") == options


@pytest.mark.parametrize("command", ["search", "sweep"])
@pytest.mark.parametrize("shell", COMPLETE)
def test_a_completion_offers_exactly_the_formats_of_a_command(command, shell):
    refusal = words.run(words.BINARY["echoload"], command, "--format", "nagios", "127.0.0.1:1")
    assert "must be text or json, is 'nagios'" in refusal.stderr
    assert COMPLETE[shell]("echoload", command, "--format", "") == {"text", "json"}


@pytest.mark.parametrize("command", RUNNING)
def test_the_manual_page_lists_what_a_command_does_not_have(command):
    has, of_run = (
        {option for option in words.options_of_help(text) if option.startswith("--")}
        for text in (words.help_text("echoload", command), words.help_text("echoload"))
    )
    page = words.PAGE["echoload"]
    missing = words.options_missing_from(
        words.section(page, "SEARCH" if command == "sweep" else command.upper())
    )
    if command == "sweep":
        missing -= {"--rate", "--think"}  # which are options with --connections
    # --output is one of "these".
    assert (of_run - {"--version"}) - has == missing


@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize(
    "program, option, choices",
    [
        ("echod", "--stats", {"json", "openmetrics", "prometheus"}),
        ("echoload", "--arrival", {"const", "poisson"}),
        ("echoload", "--close", {"fin", "half", "rst"}),
        ("echoload", "--format", {"text", "json", "nagios"}),
        ("echoload", "--on-mismatch", {"stop", "count"}),
        ("echoload", "--split", {"none", "random", "byte", "header"}),
        ("echoload", "--verify", {"full", "header", "off"}),
    ],
)
def test_a_completion_offers_exactly_the_choices_of_an_option(program, option, choices, shell):
    refusal = words.run(words.BINARY[program], option, "wrong")
    assert refusal.returncode == 2
    listed = re.search(r"(?:must be|not in) (.*?)(?:, is|;)", refusal.stderr)[1]
    assert set(re.findall(r"\w+", listed)) - {"or"} == choices
    assert COMPLETE[shell](program, option, "") == choices


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize("option, end", [("--abuse", ":"), ("--expect", "=")])
def test_a_completion_offers_exactly_the_existing_modes(option, end, shell):
    refusal = words.run(words.BINARY["echoload"], option, "wrong")
    listed = re.search(r"with a MODE of (.*?), is", refusal.stderr)[1]
    assert COMPLETE[shell]("echoload", option, "") == {mode + end for mode in listed.split(", ")}


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


def test_the_installed_file_has_every_key_with_its_default(defaults):
    assert words.flatten(tomllib.loads((ROOT / "config/echod.toml").read_text())) == defaults


def test_readme_shows_every_key_with_its_default(defaults):
    assert words.flatten(words.toml_of_readme()) == defaults


def test_the_manual_page_of_the_file_has_every_key_with_its_default(defaults):
    entries = words.config_entries_of_page()
    page = {key: tomllib.loads(f"it = {text}")["it"] for key, (text, _) in entries.items()}
    assert page == defaults


def test_the_manual_page_of_the_file_has_the_allowed_values(defaults, tmp_path):
    # A value that no key accepts; the errors list the allowed values.
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
        elif either := re.match(r'"auto", a duration from (\w+ to \w+), .*"0" for off', rule):
            assert f"A duration, {either[1]}, 0 for off, or the word\n.Qq auto" in page, key
        elif size := re.match(r"a size from (\w+ to \w+),", rule):
            assert f"A size, {size[1]}, or 0 for no limit" in page, key
        elif choices := re.findall(r'"(\w+)"', rule):
            assert [word for word in choices if f"Qq {word}" not in page] == [], key
        elif networks := re.match(r"a list of at most \d+ IPv4 or IPv6 networks", rule):
            assert networks[0].replace("IPv4 or IPv6 ", "").replace("a list", "A list") in page, key
        else:
            addresses = re.match("a list of one or more IPv4 or IPv6 addresses in quotes", rule)
            assert addresses[0].replace("a list", "A list") in page, key


def test_the_manual_page_has_every_message_id():
    log = (ROOT / "src/server/log/log.hpp").read_text()
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


def test_the_metrics_are_the_counters_of_the_json(daemon):
    counters = json.loads(daemon.ask("--stats", "json"))["counters"]
    reasons = {name for name in counters if name.startswith("closed_")}
    assert "closed" in counters and reasons
    text = daemon.ask("--stats", "openmetrics")
    samples = re.findall(r"^echod_\w+_total(?:\{reason=.*\})? \d+$", text, re.MULTILINE)
    assert len(samples) == len(counters) - 1  # all but the sum of the reasons
    labels = set(re.findall(r'^echod_connections_closed_total\{reason="(\w+)"\}', text, re.M))
    assert {f"closed_{label}" for label in labels} == reasons


def test_the_catalog_explains_each_field_of_statistics(daemon):
    counters = json.loads(daemon.ask("--stats", "json"))["counters"]
    sent = {name.upper() for name in counters if not name.startswith("closed_")}
    sent |= {field.removeprefix("ECHOD_") for field in journal_fields_of_the_state()}
    log = (ROOT / "src/server/log/log.hpp").read_text()
    identifier = re.search(r'kStatistics = "([0-9a-f]{32})"', log)[1]
    catalog = (ROOT / "systemd/echod.catalog").read_text()
    body = re.search(rf"^-- {identifier}\n(.*?)(?=^-- |\Z)", catalog, re.MULTILINE | re.DOTALL)[1]
    table = set(re.findall(r"[A-Z_]+", "\n".join(re.findall(r"(?m)^ {4}.*", body))))
    assert len(sent) > 20
    # ECHOD_INTERVAL_ stands before any of them, but for the one that has it in its name.
    assert {name for name in sent if name.replace("INTERVAL_", "", 1) not in table} - table == set()


def test_the_manual_page_has_every_field_of_the_json(daemon):
    def fields(value):
        if isinstance(value, list):
            return set().union(*map(fields, value))
        return set(value).union(*map(fields, value.values())) if isinstance(value, dict) else set()

    with socket.create_connection(("127.0.0.1", daemon.port)) as client:
        client.sendall(bytes(8))
        assert client.recv(8, socket.MSG_WAITALL) == bytes(8)  # so that the lists have an entry
        state = {"busiest": []}
        while not state["busiest"]:  # the lists are updated at most ten times a second
            state = json.loads(daemon.ask("--stats", "json"))
    page = set(re.findall(r"\w+", words.section(words.PAGE["echod"], "STATISTICS")))
    assert fields(state) - page == set()


def test_the_manual_page_has_every_metric(daemon):
    text = daemon.ask("--stats", "openmetrics")
    metrics = set(re.findall(r"^(\w+)", text, re.MULTILINE))
    listed = words.items(words.section(words.PAGE["echod"], "STATISTICS"), "Li")
    only_with_a_limit = {"process_virtual_memory_max_bytes"}
    assert {line.split()[0] for line in listed} == metrics | only_with_a_limit


def journal_fields_of_the_state():
    """The fields of a statistics entry beside the counters, which only a journal would show."""
    source = (ROOT / "src/server/loop/reporter.cpp").read_text()
    return set(re.findall(r'add\("(ECHOD_[A-Z_]*[A-Z])"', source))


def test_the_manual_page_has_every_journal_field():
    named = journal_fields_of_the_state()
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
def test_the_daemon_behaves_as_the_examples_of_the_protocol_page(daemon, sent, received):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        echoed = b"".join(iter(lambda: client.recv(4096), b""))
    assert echoed == received


PAGES_IN_MARKDOWN = sorted(
    page.relative_to(ROOT)
    for place in (".github", "client", "packaging", "src", "systemd", "tests", ".")
    for page in (ROOT / place).glob("*.md" if place == "." else "**/*.md")
)


def links():
    for page in PAGES_IN_MARKDOWN:
        for link in sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()))):
            yield page, link


@pytest.mark.parametrize("page, link", links(), ids=str)
def test_a_link_leads_somewhere(page, link):
    assert (ROOT / page.parent / link).exists()


def test_readme_has_at_most_200_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_the_part_of_readme_on_monitoring_has_at_most_25_lines():
    lines = words.readme_part("Monitoring").strip().splitlines()
    assert 5 < len(lines) <= 25 - 2  # with the heading and the line below it


def test_the_map_of_readme_has_every_room():
    rooms = {
        file.parent.relative_to(ROOT)
        for folder in ("src", "client")
        for file in (ROOT / folder).rglob("*.cpp")
    }
    rooms |= {file.parent.relative_to(ROOT) for file in (ROOT / "src").rglob("*.hpp")}
    shown = words.readme_part("Map")
    assert [str(room) for room in sorted(rooms) if not re.search(rf"\({room}[)/]", shown)] == []


def test_readme_uses_only_existing_options():
    known = set().union(*(words.options_of_help(words.help_text(name)) for name in PROGRAMS))
    text = (ROOT / "README.md").read_text()
    lines = re.findall(r"^\$ (?:echod|echoload) ([^|&\n]*)", text, re.MULTILINE)
    used = {option for line in lines for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)}
    assert used
    assert used - known == set()


@pytest.mark.parametrize("program", ALL_PROGRAMS)
def test_help_fits_100_columns(program):
    lines = words.help_text(program).splitlines()
    assert [line for line in lines if len(line) > 100] == []


def test_the_manual_page_has_the_number_of_reserved_descriptors():
    server = (ROOT / "src/server/loop/descriptor_limit.cpp").read_text()
    control = (ROOT / "src/server/control/control_socket.hpp").read_text()
    fixed = re.search(r"kReservedDescriptors = (\d+) \+ 2 \* ControlSocket::kTokens;", server)[1]
    tokens = re.search(r"kTokens = (\d+);", control)[1]
    text = words.section(words.PAGE["echod"], "LISTENING SOCKETS")
    assert f"one a listening socket and {int(fixed) + 2 * int(tokens)} others" in text


PAGES = ["echod.8", "echod-exporter.8", "echoload.1", "echod.toml.5", "echod-protocol.7"]


@pytest.mark.parametrize("title", ["EXAMPLES", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"])
@pytest.mark.parametrize("page", PAGES)
def test_a_manual_page_has_the_usual_sections(page, title):
    assert words.section(ROOT / "man" / page, title).strip()
