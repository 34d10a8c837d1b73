# SPDX-License-Identifier: MIT
"""Builds the programs with the options of the Debian package."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT / "build-bench"
UNITY = ["--unity=on", "-Dunity_size=16"]  # as in packaging/debian/rules
#: the options that decide what the compiler makes of the programs
REPORTED = ["buildtype", "optimization", "unity", "unity_size", "b_ndebug", "b_lto", "b_sanitize",
        "cpp_args"]


def add_option(parser):
    parser.add_argument(
        "--build",
        metavar="DIR",
        type=Path,
        help="use the programs in DIR, built with `ninja bench` "
        f"(default: {DEFAULT.name}, made and built as needed)",
    )


def say(text):
    print(text, file=sys.stderr, flush=True)


def prepare(directory):
    """The build directory; built unless another one is given."""
    if directory is not None:
        return Build(directory.resolve())
    say("building ...")
    quietly([ROOT / "packaging" / "install-packages", "build", "bench"])
    if not (DEFAULT / "build.ninja").exists():
        quietly(["meson", "setup", DEFAULT, *UNITY])
    elif not Build(DEFAULT).like_the_package:
        quietly(["meson", "configure", DEFAULT, *UNITY])
    quietly(["ninja", "-C", DEFAULT, "bench"])
    return Build(DEFAULT)


def quietly(command):
    process = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    if process.returncode != 0:
        sys.exit(process.stdout + f"{command[0]}: exit status {process.returncode}")


class Build:
    def __init__(self, directory):
        self.directory = directory

    @functools.cached_property
    def options(self):
        """The configured values of the options that affect speed."""
        output = subprocess.run(["meson", "introspect", "--buildoptions", str(self.directory)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        found = {option["name"]: option["value"] for option in json.loads(output.stdout)}
        return {name: found.get(name) for name in REPORTED}

    @property
    def like_the_package(self):
        """Whether the options are those of the package. debhelper's own flags are those of
        meson.build."""
        options = self.options
        return (options["buildtype"], options["optimization"], options["unity"],
                options["b_sanitize"]) == ("release", "2", "on", "none")

    def describe(self):
        options = self.options
        text = "as in the Debian package: " if self.like_the_package else "NOT as in the package: "
        text += f"{options['buildtype']}, -O{options['optimization']}, unity {options['unity']}"
        if options["b_sanitize"] != "none":
            text += f", sanitizers {options['b_sanitize']}"
        return text

    def facts(self):
        return {**self.options, "like_the_package": self.like_the_package,
                "text": self.describe()}

    def _program(self, *parts):
        path = self.directory.joinpath(*parts)
        if not os.access(path, os.X_OK):
            sys.exit(f"there is no {path}: did `ninja bench` build it?")
        return str(path)

    @property
    def echod(self):
        return self._program("src", "echod")

    @property
    def echoload(self):
        return self._program("client", "echoload")

    def peer(self, name):
        return self._program("tests", "bench", "peer-" + name)

    def tool(self, name):
        return self._program("tests", "bench", "bench-" + name)
