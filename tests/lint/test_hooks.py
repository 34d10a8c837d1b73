# SPDX-License-Identifier: MIT
"""The commit hooks, in a clone of the tracked files that packaging/develop has prepared."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import sources

SUBJECT = "server: close idle connections"
GOOD = "// SPDX-License-Identifier: MIT\n#pragma once\n\ninline int answer() {\n    return 42;\n}\n"
BADLY_FORMATTED = GOOD.replace("    return", "  return")
WITHOUT_LICENCE = GOOD.partition("\n")[2]
NEW = "src/base/answer.hpp"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **{f"GIT_{role}_NAME": "A Developer" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "developer@example.org" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Clone:
    def __init__(self, path):
        self.path = path
        for file in sources.tracked():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sources.ROOT / file, path / file)
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "clone: begin")
        self.run("packaging/develop")

    def run(self, *command, code=0):
        ended = subprocess.run(
            command, cwd=self.path, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout
        return ended.stdout

    def git(self, *arguments, code=0):
        return self.run("git", *arguments, code=code)

    def write(self, file, text):
        (self.path / file).write_text(text)

    def stage(self, file, text):
        self.write(file, text)
        self.git("add", file)

    def commit(self, *message, code=0, empty=False):
        parts = [option for part in message or [SUBJECT] for option in ("-m", part)]
        return self.git("commit", "-q", *(["--allow-empty"] if empty else []), *parts, code=code)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def clone(prepared):
    """The clone, with nothing changed."""
    start = prepared.git("rev-list", "--max-parents=0", "HEAD").strip()
    prepared.git("reset", "-q", "--hard", start)
    prepared.git("clean", "-q", "-f", "-d")
    return prepared


def test_develop_writes_the_compile_commands_where_editors_look(clone):
    assert "CompilationDatabase: build\n" in (clone.path / ".clangd").read_text()
    commands = json.loads((clone.path / "build/compile_commands.json").read_text())
    assert any(entry["file"].endswith("src/main.cpp") for entry in commands)


def test_a_good_commit_passes_without_output(clone):
    clone.stage(NEW, GOOD)
    assert clone.commit(SUBJECT, "A body says why.") == ""
    assert clone.git("log", "-1", "--format=%s").strip() == SUBJECT


@pytest.mark.parametrize("text", [] if sources.other_clang_format() else [pytest.param(BADLY_FORMATTED, id="indentation")])
def test_a_badly_formatted_file_is_refused_by_name(clone, text):
    clone.stage(NEW, text)
    assert f"{NEW}:4:" in clone.commit(code=1)


def test_the_staged_text_is_checked_and_not_the_working_tree(clone):
    clone.stage(NEW, WITHOUT_LICENCE)
    clone.write(NEW, GOOD)
    clone.commit(code=1)
    clone.git("add", NEW)
    clone.write(NEW, WITHOUT_LICENCE)
    clone.commit()


def test_a_commit_of_named_files_is_checked(clone):
    clone.stage(NEW, GOOD)
    clone.commit()
    clone.write(NEW, WITHOUT_LICENCE)
    clone.git("commit", "-q", "-m", SUBJECT, NEW, code=1)


def test_a_file_that_is_not_in_the_commit_is_not_checked(clone):
    clone.stage(NEW, WITHOUT_LICENCE)
    clone.git("commit", "-q", "--no-verify", "-m", SUBJECT)
    clone.stage("src/base/other.hpp", GOOD)
    clone.commit()


def test_a_script_with_a_finding_of_shellcheck_is_refused(clone):
    clone.stage("packaging/greet", "#!/bin/bash\n# SPDX-License-Identifier: MIT\nset -euo pipefail\n"
                                   "echo $1\n")  # fmt: skip
    (clone.path / "packaging/greet").chmod(0o755)
    clone.git("add", "packaging/greet")
    assert "SC2086" in clone.commit(code=1)


def test_an_include_that_goes_up_is_refused(clone):
    clone.stage(NEW, GOOD.replace("inline", '#include "net/epoll.hpp"\n\ninline'))
    assert "net/epoll.hpp" in clone.commit(code=1)


def test_a_commit_that_only_deletes_passes(clone):
    clone.git("rm", "-q", "man/echod-protocol.7")
    clone.commit()


@pytest.mark.parametrize(
    "subject",
    [
        "tests: count a server stall once",
        "server, echoload: name things by the field's terms",
        "tests/lint: " + "x" * 60,
        "readme: ä" + "ö" * 62,
        'Revert "' + "x" * 80,
        "fixup! server: close idle connections",
    ],
)
def test_a_good_subject_passes(clone, subject):
    clone.commit(subject, empty=True)


@pytest.mark.parametrize(
    "subject, reason",
    [
        ("tests/lint: " + "x" * 61, "has 73 characters, 72 are allowed"),
        ("close idle connections", 'does not begin with "area: "'),
        ("Server: close idle connections", 'does not begin with "area: "'),
        ("server: close idle connections.", "ends with a full stop"),
        ("server: close\nidle connections", "the second line is not empty"),
    ],
)
def test_a_bad_subject_is_refused(clone, subject, reason):
    assert reason in clone.commit(subject, code=1, empty=True)


def test_another_version_of_clang_format_is_named_and_its_check_is_no_skip(tmp_path):
    program = tmp_path / "clang-format"
    program.write_text("#!/bin/sh\necho clang-format version 99.1.7\n")
    program.chmod(0o755)
    shown = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--collect-only",
         f"--rootdir={sources.ROOT}", sources.ROOT / "tests/lint"],
        env={**ENVIRONMENT, "PATH": f"{tmp_path}:{ENVIRONMENT['PATH']}"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    assert "tests/lint/test_floors.py::" in shown
    assert "laid_out_as_clang_format_does" not in shown
    assert "SKIPPED" not in shown
    assert "not checked: clang-format is version 99, and .clang-format is for 14\n" in shown
