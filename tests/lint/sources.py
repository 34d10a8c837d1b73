# SPDX-License-Identifier: MIT
"""The files that git tracks, and what the C++ files among them include."""

import functools
import re
import subprocess
from pathlib import Path

import structure

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def tracked():
    """Every tracked file that exists, relative to ROOT."""
    # safe.directory: without it, git refuses a clone that belongs to another user.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    return [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]


def tracked_under(*folders, suffixes):
    return [f for f in tracked() if f.parts[0] in folders and f.suffix in suffixes]


def headers():
    return [f for f in tracked() if f.suffix in (".hpp", ".h")]


def cpp_files():
    return [f for f in tracked() if f.suffix in (".cpp", ".hpp", ".h")]


@functools.cache
def other_clang_format():
    """Why the layout is not checked, or None. Versions of clang-format disagree about a few lines, so
    only the one that .clang-format names is asked."""
    wanted = re.search(r"clang-format (\d+)", (ROOT / ".clang-format").read_text())[1]
    try:
        command = ["clang-format", "--version"]
        shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
    except FileNotFoundError:
        return None  # the check fails
    installed = re.search(r"version (\d+)\.", shown)[1]
    if installed == wanted:
        return None
    return f"clang-format is version {installed}, and .clang-format is for {wanted}"


def is_binary(file):
    return b"\0" in (ROOT / file).read_bytes()


def first_line(file):
    with open(ROOT / file, "rb") as stream:
        return stream.readline()


def shell_scripts():
    return [f for f in tracked() if re.match(rb"#!.*\b(ba|da)?sh\b", first_line(f))]


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


@functools.cache
def includes(file):
    """(quoted, in angle brackets): the names that `file` includes, as written."""
    found = INCLUDE.findall((ROOT / file).read_text())
    return (
        [name for mark, name in found if mark == '"'],
        [name for mark, name in found if mark == "<"],
    )


def resolve(file, name):
    """The project's file that #include "name" in `file` refers to, or None."""
    return structure.resolve(file, name, set(tracked()))


def closure(file):
    """`file` and every file of the project that it includes, directly or not."""
    seen, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            resolved = (resolve(current, name) for name in includes(current)[0])
            todo.extend(f for f in resolved if f is not None)
    return sorted(seen)
