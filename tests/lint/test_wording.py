# SPDX-License-Identifier: MIT
"""Identifiers and phrases that the project does not use; wording.py has the lists."""

import fnmatch
import re

import pytest
import sources
import wording

# The lists and their planted cases, the licence, and inputs that a fuzzer found.
EXCEPTED = {
    "LICENSE", "packaging/debian/copyright", "tests/lint/wording.py", "tests/lint/test_wording.py",
}  # fmt: skip
CORPUS = "tests/fuzz/corpus/*"

# What may stand for a space of a phrase: an underscore, or a line break with the marks of a comment
# or of a string that continues on the next line.
GAP = r"""(?:_|\s+(?:(?:///?<?|\#|\*)\s*)?|\s?["']\s+f?["']\s?)"""


TEST_NAME = re.compile(r"^TEST\w*\([^)]*\)", re.MULTILINE)


def compiled():
    table = []
    for names, instead in wording.IDENTIFIERS:
        # Whole parts of a name; one that ends with an underscore here may go on behind it.
        pattern = rf"(?<![A-Za-z0-9])(?:{names})(?:(?<=_)|(?![A-Za-z0-9]))"
        table.append((re.compile(pattern), instead))
    for names, instead in wording.NAMES:
        table.append((re.compile(rf"(?<!\w)(?:{names})"), instead))
    for phrase, instead in wording.PHRASES:
        pattern = rf"(?<![A-Za-z-])(?:{phrase})(?![A-Za-z-])".replace(" ", GAP)
        table.append((re.compile(pattern, re.IGNORECASE), instead))
    return table


TABLE = compiled()


def as_sentence(match):
    """TEST(Frame, AShortHeaderWaits) -> TEST(Frame, A Short Header Waits)"""
    return re.sub(r"(?<=\w)(?=[A-Z])", " ", match.group())


def findings(text):
    """"line: what stands there -> what to write instead" for each old word of `text`."""
    text = re.sub(wording.INTERFACES, "", text)
    found = {}
    for variant in {text, TEST_NAME.sub(as_sentence, text)}:
        for pattern, instead in TABLE:
            for match in pattern.finditer(variant):
                line = variant.count("\n", 0, match.start()) + 1
                found.setdefault((line, " ".join(match.group().split())), instead)
    return [f"{line}: {old} -> {instead}" for (line, old), instead in sorted(found.items())]


def is_checked(file):
    return str(file) not in EXCEPTED and not fnmatch.fnmatch(str(file), CORPUS)


CHECKED = [f for f in sources.tracked() if is_checked(f) and not sources.is_binary(f)]


@pytest.mark.parametrize("file", CHECKED)
def test_uses_the_words_of_the_field(file):
    assert findings(str(file)) + findings((sources.ROOT / file).read_text()) == []


def test_a_finding_names_the_line_and_what_to_write():
    text = "The first line.\nA line of the process before.\n"
    assert findings(text) == ["2: process before -> the old process"]


@pytest.mark.parametrize(
    "text",
    [
        "std::size_t owed_ = 0;",
        "const auto owed = pending();",
        "return bytes_owed();",
        "std::vector<std::byte> kept_;",
        "bool drained_for_the_next = false;",
        "clients.forget_parked(3);",
        "std::uint64_t told_turned_away_ = 0;",
        "incidents_.add(now);",
        "void turn(bool others_wait);",
        "for (Asker& asker : askers_) {",
        "if (is_worth_another_try(error)) {",
        "std::uint32_t looked_at_ = 0;",
        "alarm_.set(due);",
        "src/server/clients/clients_clocks.cpp",
        "run.obey(orders);",
        "undealt += dealt;",
        "constexpr auto kPatience = 5s;",
        "thread.join(PATIENCE)",
        "with liar() as lying:",
        "struct Inheritance {",
        "void obey(const Orders& now);",
        "std::vector<Thought> thoughts_;",
        "observer.hear(interval);",
        "return VerifyState::suspect;",
        "The client gets all that it is owed.",
        "// A connection of the\n// process before",
        "/// all that the next\n    /// process needs",
        "#  and is told\n# so",
        '"opened by the process "\n    "before and is closed"',
        "All clients: who has work, whose time is up.",
        "Alone, nobody waits.",
        "as long as somebody\nholds it",
        "for whoever asks",
        "The daemon never waits but in a hand-over.",
        "They are taken over from the old one.",
        "It tells the service manager of it.",
        "Only the first is looked at.",
        "Then it goes on.",
        "It stands in its place.",
        "the client was the limit",
        "Beside floods, modest clients wait.",
        "A path that swallows what is sent",
        "def test_a_stop_is_told_to_the_manager():",
        "def test_nobody_waits_for_long():",
        "TEST(Clients, SomebodyWaitsAtTheListener) {",
    ],
)
def test_an_old_word_is_found(text):
    assert len(findings(text)) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "A client followed by others is allowed.",
        "kept_bytes, echod_kept_bytes and ECHOD_KEPT_BYTES",
        "The rate was kept; kept_rate",
        "counters restored, bytes_parked and closed_parked",
        'report["limited_by"], pace["asked_per_s"]',
        "User=nobody",
        "The slope is taken over the same window.",
        "A connection gets one turn while others wait.",
        "owner nobody:nogroup",
        "Two clients are told apart by their addresses.",
        "The old process passes the connections to the new process.",
        "The handover takes 5 seconds at the most.",
        "Connections in the backlog wait for the next process that gets the socket.",
        "before the process is started, and before it stops",
        "a next step, a process, and the limit of 3",
        "int looked_up = 0;",
        "an ongoing run; go and see; on the other hand",
        "alarm(2), modest figures, a deal, clocks, patient",
        "TEST(Frame, AShortHeaderWaitsForTheRest) {",
        "TEST_F(Parking, TheOldProcessSaidIt) {",
    ],
)
def test_a_good_text_is_accepted(text):
    assert findings(text) == []
