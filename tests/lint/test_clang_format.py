# SPDX-License-Identifier: MIT
"""The layout of the C++ sources. Versions of clang-format disagree about a few lines, so only the
one that .clang-format names is asked: elsewhere these tests are left out."""

import re
import subprocess

import pytest
import sources

WANTED = re.search(r"clang-format (\d+)", (sources.ROOT / ".clang-format").read_text())[1]


def installed_version():
    shown = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"version (\d+)\.", shown)[1]


FILES = sources.cpp_files() if installed_version() == WANTED else []


@pytest.mark.parametrize("file", FILES)
def test_is_laid_out_as_clang_format_does(file, quiet):
    quiet("clang-format", "--dry-run", "-Werror", file, cwd=sources.ROOT)
