# SPDX-License-Identifier: MIT
"""clang-tidy over every translation unit of the programs, several at a time; those of the tests have
a command of their own, tests/analysis/run tests.

What passed is remembered in the build directory under a digest of all that the outcome depends on,
so that a second run looks only at what has changed.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import sources

BUILD = Path(os.environ.get("CLANG_BUILD_DIR", sources.ROOT / "build-clang"))
UNITS = sources.tracked_under("src", "client", suffixes=(".cpp",))
CONFIGS = [f for f in sources.tracked() if f.name == ".clang-tidy"]


def output_of(command):
    process = subprocess.run(
        command, cwd=sources.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process.returncode, process.stdout, process.stderr


def digest(file, command, version):
    hashed = hashlib.sha256(repr((version, command)).encode())
    for part in [*CONFIGS, *sources.closure(file)]:
        hashed.update(str(part).encode() + b"\0" + (sources.ROOT / part).read_bytes())
    return hashed.hexdigest()


def tidy(file, command, version):
    """What clang-tidy says of `file`; empty where that is nothing."""
    mark = BUILD / "tidy-passed" / digest(file, command, version)
    if mark.exists():
        return ""
    status, findings, errors = output_of(["clang-tidy", "-p", str(BUILD), "--quiet", str(file)])
    if status == 0 and not findings:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        return ""
    return findings or errors


@pytest.fixture(scope="session")
def findings(request, background):
    """A future for each translation unit that this run asks about."""
    database = BUILD / "compile_commands.json"
    assert database.exists(), "no compile commands: `tests/run lint` makes them"
    commands = {
        os.path.relpath(Path(entry["directory"]) / entry["file"], sources.ROOT): entry["command"]
        for entry in json.loads(database.read_text())
    }
    _, version, _ = output_of(["clang-tidy", "--version"])
    asked = [
        item.callspec.params["file"]
        for item in request.session.items
        if item.name.startswith(test_has_no_finding.__name__)
    ]
    return {
        file: background.submit(tidy, file, commands[str(file)], version)
        for file in asked
        if str(file) in commands
    }


@pytest.mark.parametrize("file", UNITS)
def test_has_no_finding(file, findings):
    if file not in findings:
        pytest.fail("no target in any meson.build compiles it", pytrace=False)
    if found := findings[file].result():
        pytest.fail(found, pytrace=False)
