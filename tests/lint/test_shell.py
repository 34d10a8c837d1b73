# SPDX-License-Identifier: MIT
import os

import pytest
import sources


@pytest.mark.parametrize("file", sources.shell_scripts())
def test_shellcheck_has_no_finding(file, quiet):
    quiet("shellcheck", file, cwd=sources.ROOT)


# Not the maintainer scripts of the Debian package: debhelper generates the final ones from them.
PROGRAMS = [f for f in sources.shell_scripts() if f.parts[:2] != ("packaging", "debian")]


@pytest.mark.parametrize("file", PROGRAMS)
def test_a_script_is_executable_and_stops_at_the_first_error(file):
    assert os.access(sources.ROOT / file, os.X_OK)
    assert "\nset -euo pipefail\n" in (sources.ROOT / file).read_text()
