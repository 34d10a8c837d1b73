# SPDX-License-Identifier: MIT
"""Rules for every text file of the project."""

import re

import pytest
import sources

CODE = (".cpp", ".hpp", ".h", ".py", ".sh", ".bash")
# Folders of a checkout. Nothing that the project installs or needs is under one of them.
CHECKOUT = re.compile(r"(?<![\w.~])/(?:home|root|Users|work)/\w")


def code_files():
    return sorted({f for f in sources.tracked() if f.suffix in CODE} | set(sources.shell_scripts()))


def text_files():
    return [f for f in sources.tracked() if not sources.is_binary(f)]


@pytest.mark.parametrize("file", code_files())
def test_names_its_licence_in_one_of_the_first_two_lines(file):
    lines = (sources.ROOT / file).read_text().splitlines()[:2]
    assert any("SPDX-License-Identifier: MIT" in line for line in lines)


@pytest.mark.parametrize("file", sources.headers())
def test_a_header_is_read_once(file):
    assert "\n#pragma once\n" in (sources.ROOT / file).read_text()


@pytest.mark.parametrize("file", text_files())
def test_text_is_utf_8_with_clean_line_ends(file):
    text = (sources.ROOT / file).read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text == "" or text.endswith("\n")
    if file.suffix != ".md":
        ragged = [n for n, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
        assert ragged == [], "lines that end in white space"


@pytest.mark.parametrize("file", text_files())
def test_names_no_path_of_a_checkout(file):
    text = (sources.ROOT / file).read_text()
    assert str(sources.ROOT) + "/" not in text
    assert CHECKOUT.findall(text) == []


@pytest.mark.parametrize("file", sources.cpp_files())
def test_includes_what_declares_fmt_join(file):
    # Since version 11 of fmt, <fmt/format.h> does not declare it.
    if "fmt::join(" in (sources.ROOT / file).read_text():
        assert "fmt/ranges.h" in sources.includes(file)[1]
