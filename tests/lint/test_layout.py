# SPDX-License-Identifier: MIT
"""The repository's layout."""

import fnmatch
import re
import subprocess

import sources

TOP_LEVEL = {
    "LICENSE", "README.md", "client", "config", "man", "meson.build", "packaging", "src",
    "systemd", "tests",
}  # fmt: skip
LARGEST_FILE = 100_000


def test_the_top_level_holds_nothing_unexpected():
    names = {file.parts[0] for file in sources.tracked()}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()


def test_no_file_is_large():
    sizes = {str(file): (sources.ROOT / file).stat().st_size for file in sources.tracked()}
    assert {file: size for file, size in sizes.items() if size > LARGEST_FILE} == {}


def listed_packages():
    lines = (sources.ROOT / "packaging/packages").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def test_each_command_that_the_purposes_name_exists():
    lines = (sources.ROOT / "packaging/packages").read_text().splitlines()
    named = re.findall(r"\b(?:packaging|tests)/[\w/-]+", "\n".join(line for line in lines if line[:1] == "#"))
    assert len(named) > 5
    assert [name for name in named if not (sources.ROOT / name).is_file()] == []


def test_each_package_has_a_known_purpose_and_is_listed_once():
    rows = listed_packages()
    purposes = {
        "build", "run", "package", "test", "lint", "bench", "image", "container", "recipes", "release",
        "slurm",
    }  # fmt: skip
    assert {purpose for purpose, _ in rows} <= purposes
    assert sorted({tuple(row) for row in rows}) == sorted(tuple(row) for row in rows)


def test_apt_knows_each_listed_package():
    names = sorted({name for _, name in listed_packages()})
    policy = subprocess.run(
        ["apt-cache", "policy", *names], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    candidates = dict(re.findall(r"^(\S+):\n(?:  .*\n)*?  Candidate: (.*)$", policy, re.MULTILINE))
    assert [name for name in names if candidates.get(name, "(none)") == "(none)"] == []


def test_each_pattern_of_tests_in_the_emulator_matches_a_test():
    text = (sources.ROOT / "tests/distros/cross").read_text()
    function = re.search(r"^emulated\(\) \{$(.*?)^\}$", text, re.M | re.DOTALL)[1]
    lists = re.findall(r"'[-:]?(\w[\w.*:]*)'", function)
    patterns = {pattern for each in lists for pattern in each.split(":")}
    assert len(patterns) > 10
    units = sources.tracked_under("tests", suffixes=(".cpp",))
    texts = [(sources.ROOT / file).read_text() for file in units if file.parts[1] == "unit"]
    found = re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", "\n".join(texts), re.M)
    tests = {f"{suite}.{name}" for suite, name in found}
    assert {one for one in patterns if not fnmatch.filter(tests, one)} == set()
