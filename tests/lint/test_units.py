# SPDX-License-Identifier: MIT
"""systemd-analyze verify on the unit files, all in one folder as on a machine."""

import os
import re

import pytest
import sources

SUFFIXES = (".service", ".socket", ".target", ".timer", ".path", ".slice")
UNITS = [f for f in sources.tracked() if f.parts[0] == "systemd" and f.suffix in SUFFIXES]


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_analyze_has_no_finding(unit, quiet, tmp_path):
    # The programs are not installed here; /bin/true replaces them.
    for file in UNITS:
        text = (sources.ROOT / file).read_text()
        installed = re.compile(r"/usr/(?:s?bin|lib(?:exec)?/echod)/echo(?:d|load)\b[\w-]*")
        (tmp_path / file.name).write_text(installed.sub("/bin/true", text))
    # systemd/meson.build generates the real one; tests/systemd checks it on a booted machine.
    (tmp_path / "echod@.service").write_text("[Service]\nExecStart=/bin/true\n")
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:", "SYSTEMD_LOG_LEVEL": "notice"}
    quiet("systemd-analyze", "verify", "--man=no", tmp_path / unit.name, env=environment)
