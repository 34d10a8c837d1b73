# SPDX-License-Identifier: MIT
"""The short form: planted mutants, and a few of the real ones. tests/mutation/run is the long form."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import judge  # noqa: E402
import mutants  # noqa: E402

BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
SAMPLE = "tests/mutation/sample/limit.hpp"


def command():
    loader = importlib.machinery.SourceFileLoader("mutation_run", str(HERE / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutation_run", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The mutants of the sample, and what became of each."""
    found = mutants.find(ROOT, BUILD, SAMPLE, "sample::")
    for number, mutant in enumerate(found, 1):
        mutant.id = number
    directory = tmp_path_factory.mktemp("sample")
    (directory / "limit.hpp").write_bytes(mutants.rewrite((ROOT / SAMPLE).read_bytes(), found))
    (directory / "limit_test.cpp").write_bytes((HERE / "sample/limit_test.cpp").read_bytes())
    subprocess.run(
        ["g++", "-std=c++20", "-w", "-include", HERE / "mutant.hpp", directory / "limit_test.cpp",
         "-o", directory / "test", "-lgtest_main", "-lgtest", "-pthread"], check=True)  # fmt: skip
    stage = judge.Unit(directory / "test")
    stage.measure(len(found), 2)
    return {mutant: stage.judge(mutant) for mutant in found}


def test_every_decision_of_the_sample_is_changed(sample):
    assert [(mutant.line, mutant.change) for mutant in sample] == [
        (10, "strict to true"),
        (10, "value == kLimit to true"),
        (10, "== to !="),
        (10, "kLimit to kLimit + 1"),
        (11, "false to true"),
        (13, "<= to <"),
        (13, "kLimit to kLimit + 1"),
        (17, "> to >="),
        (17, "3 to 3 + 1"),
        (17, "1 to 1 + 1"),
        (17, "2 to 2 + 1"),
    ]


def test_a_planted_mutant_that_a_test_sees_is_killed(sample):
    assert {result for mutant, result in sample.items() if mutant.line < 16} == {"killed"}


def test_a_planted_mutant_that_no_test_sees_survives(sample):
    results = [result for mutant, result in sample.items() if mutant.line > 16]
    assert results == ["survived", "survived", "not reached", "survived"]


def test_a_survivor_that_is_not_listed_fails_and_a_listed_one_does_not(sample, capsys):
    run = command()
    assert run.report(sample, {}) == 1
    assert "survived: tests/mutation/sample/limit.hpp:17: > to >=: return value > 3 ? 1 : 2;" in (
        capsys.readouterr().out
    )
    known = {mutant.key: "no test reads a label" for mutant in sample if mutant.line > 16}
    assert run.report(sample, known) == 0
    assert "11 mutants, 7 killed" in capsys.readouterr().out


def test_every_listed_survivor_names_a_line_that_exists_and_a_reason():
    for (file, line, _), reason in command().known_survivors(HERE / "survivors.toml").items():
        lines = [text.strip() for text in (ROOT / file).read_text().split("\n")]
        assert lines.count(line) == 1, f"{file} has not one line {line!r}: correct the entry"
        assert len(reason) > 20


def test_a_few_mutants_of_the_frame_are_killed(tmp_path):
    done = subprocess.run(
        [HERE / "run", "--sample", "6", "--tests", "unit", "--directory", tmp_path, "src/wire"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "ECHOD_BUILD_DIR": str(BUILD)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "6 mutants, 6 killed" in done.stdout
