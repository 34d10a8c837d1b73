# SPDX-License-Identifier: MIT
"""The layout of the C++ sources. Not collected with another clang-format: see conftest.py."""

import pytest
import sources


@pytest.mark.parametrize("file", sources.cpp_files())
def test_is_laid_out_as_clang_format_does(file, quiet):
    quiet("clang-format", "--dry-run", "-Werror", file, cwd=sources.ROOT)
