# SPDX-License-Identifier: MIT
"""The hardening features of the release binaries, read from their ELF data."""

import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))
PROGRAMS = [BUILD / "src/echod", BUILD / "client/echoload"]
SANITIZED = os.environ.get("ECHOD_SANITIZED") == "1"

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer's build is no release"),
    pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name),
]


def readelf(program, *options):
    result = subprocess.run(
        ["readelf", "--wide", *options, program], check=True, stdout=subprocess.PIPE, text=True
    )
    return result.stdout


def segment(program, name):
    lines = [line.split() for line in readelf(program, "--segments").splitlines()]
    return next((line for line in lines if line and line[0] == name), None)


def imported(program):
    """The names of imported functions, without their versions."""
    lines = readelf(program, "--dyn-syms").splitlines()
    return {line.split()[7].split("@")[0] for line in lines if " UND " in line and "@" in line}


def test_the_program_is_position_independent(program):
    assert "DYN (Position-Independent Executable file)" in readelf(program, "--file-header")


def test_relocations_are_read_only_at_start(program):
    assert segment(program, "GNU_RELRO")
    dynamic = readelf(program, "--dynamic")
    assert "BIND_NOW" in dynamic or "Flags: NOW" in dynamic


def test_stack_and_data_are_not_executable(program):
    stack = segment(program, "GNU_STACK")
    assert stack and "E" not in stack[-2]
    for line in readelf(program, "--segments").splitlines():
        if line.split()[:1] == ["LOAD"]:
            assert "WE" not in line.replace(" ", ""), f"writable and executable: {line}"


def test_stack_frames_have_guards(program):
    assert "__stack_chk_fail" in imported(program)


def test_calls_that_fill_buffers_are_checked(program):
    checked = {name for name in imported(program) if name.endswith("_chk")} - {"__stack_chk_fail"}
    assert checked, "no fortified function is used: _FORTIFY_SOURCE was not in force"


def test_the_program_has_no_rpath(program):
    dynamic = readelf(program, "--dynamic")
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
