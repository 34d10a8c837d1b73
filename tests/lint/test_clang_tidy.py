# SPDX-License-Identifier: MIT
"""clang-tidy over the sources of the programs, and clang on one source of each room by itself: a
missing include can hide behind the others of a room. `tests/analysis/run paths` compiles every
source by itself, and `tests/analysis/run tests` checks the sources of the tests.

Most of the time goes into the headers of the libraries, so clang-tidy reads all sources of a room
as one translation unit: this takes a fifth of the time. The build directory records each check that
passed, under a digest of everything that the result depends on, so that a second run checks only
what has changed.
"""

import hashlib
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
import sources

BUILD = Path(os.environ.get("CLANG_BUILD_DIR", sources.ROOT / "build-clang"))
CONFIG = Path(".clang-tidy")
UNITS = sources.tracked_under("src", "client", suffixes=(".cpp",))
ROOMS = sorted({unit.parent for unit in UNITS})


def sample(room):
    """The source of a room that is compiled alone: another one whenever the room changes."""
    files = [unit for unit in UNITS if unit.parent == room]
    return min(files, key=lambda file: hashlib.sha256((sources.ROOT / file).read_bytes()).digest())


ALONE = [sample(room) for room in ROOMS]


def findings_of(command, directory=sources.ROOT):
    """What a command prints that finds something; empty where it finds nothing."""
    process = subprocess.run(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # clang-tidy also counts on standard error what it suppressed in headers of others.
    return process.stdout or (process.stderr if process.returncode != 0 else "")


def once(files, command, version, check, *arguments):
    """check(*arguments), or nothing if it has found nothing in the same files before."""
    hashed = hashlib.sha256(repr((version, command)).encode())
    for part in [CONFIG, *sorted({part for file in files for part in sources.closure(file)})]:
        hashed.update(str(part).encode() + b"\0" + (sources.ROOT / part).read_bytes())
    mark = BUILD / "tidy-passed" / hashed.hexdigest()
    if mark.exists():
        return ""
    found = check(*arguments)
    if not found:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
    return found


def without_output(command):
    """The words of a compiler's command without the source and the files that it writes."""
    words = shlex.split(command)
    for option in ("-o", "-MF", "-MQ"):
        at = words.index(option)
        del words[at : at + 2]
    return [word for word in words if word not in ("-c", "-MD")][:-1]


def tidy(name, files, command, directory):
    """The findings of clang-tidy in `files`, read as one translation unit called `name`."""
    unit = directory / f"{name}.cpp"
    unit.write_text("".join(f'#include "{sources.ROOT / file}"\n' for file in files))
    config = sources.ROOT / CONFIG
    words = [word for word in command if word != "-fcolor-diagnostics"]
    return findings_of(
        ["clang-tidy", f"--config-file={config}", "--quiet", str(unit), "--", *words[1:]], BUILD
    )


def compiled(file, command):
    """What clang finds in `file` alone, with its warnings as errors."""
    return findings_of([*command, "-Werror", "-fsyntax-only", str(sources.ROOT / file)], BUILD)


@pytest.fixture(scope="session")
def commands():
    database = BUILD / "compile_commands.json"
    assert database.exists(), "no compile commands: `tests/run lint` makes them"
    return {
        Path(os.path.relpath(Path(entry["directory"]) / entry["file"], sources.ROOT)):
            without_output(entry["command"])
        for entry in json.loads(database.read_text())
    }  # fmt: skip


@pytest.fixture(scope="session")
def results(request, background, commands, tmp_path_factory):
    """A future for each check of this run: of a room, or of a file."""
    version = findings_of(["clang-tidy", "--version"])
    directory = tmp_path_factory.mktemp("rooms")
    futures = {}
    for item in request.session.items:
        if item.module.__name__ != __name__ or not hasattr(item, "callspec"):
            continue
        (subject,) = item.callspec.params.values()
        if subject in ROOMS:
            files = [unit for unit in UNITS if unit.parent == subject and unit in commands]
            name = "-".join(subject.parts)
            words = commands[files[0]]
            check = (tidy, name, files, words, directory)
        elif subject in commands:
            files, words = [subject], [*commands[subject], "-Werror"]
            check = (compiled, subject, commands[subject])
        else:
            continue
        futures[subject] = background.submit(once, files, words, version, *check)
    return futures


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_no_finding(room, results):
    if found := results[room].result():
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("file", UNITS)
def test_a_target_of_meson_compiles_each_file(file, commands):
    assert file in commands


@pytest.mark.parametrize("file", ALONE)
def test_a_file_compiles_alone(file, results):
    if found := results[file].result():
        pytest.fail(found, pytrace=False)


def test_a_finding_in_any_source_of_a_room_is_found(tmp_path):
    # The name of the folder is that of a real one: .clang-tidy says whose findings count.
    room = tmp_path / "src"
    room.mkdir()
    files = [room / "first.cpp", room / "second.cpp", room / "third.cpp"]
    for file in files:
        file.write_text(f"int {file.stem}() {{\n    return 0;\n}}\n")
    assert tidy("good", files, ["clang++", "-std=c++20"], tmp_path) == ""
    files[1].write_text("int second(int* none) {\n    return none == 0 ? 1 : 0;\n}\n")
    assert "modernize-use-nullptr" in tidy("bad", files, ["clang++", "-std=c++20"], tmp_path)


def test_a_warning_in_a_file_alone_is_found(tmp_path):
    file = tmp_path / "warned.cpp"
    file.write_text("static int unused() { return 0; }\n")
    assert "-Wunused-function" in compiled(file, ["clang++", "-Wall"])
