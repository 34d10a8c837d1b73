# SPDX-License-Identifier: MIT
"""The tests that the Debian package brings with it, in packaging/debian/tests, run by autopkgtest(1)
against the installed package."""

import re
import shutil

import pytest

from conftest import ROOT, booted


@pytest.fixture
def machine():
    machine = booted()
    try:
        yield machine
    finally:
        machine.power_off()


def test_the_tests_of_the_package_pass(machine, package):
    shutil.copytree(ROOT / "packaging/debian", machine.root / "srv/echod/debian")
    shutil.copy(package, machine.root / "srv" / package.name)
    # The machine is not used again, so the test that purges the package may run too; and it is a
    # machine, which the newer versions do not believe of "null".
    shown = machine.run(
        ["env", "--chdir=/", "autopkgtest", "--ignore-restrictions=breaks-testbed,isolation-container",
         "--no-built-binaries", f"/srv/{package.name}", "/srv/echod/", "--", "null"],
        check=False, timeout=240,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for name in ("service", "purge"):
        assert re.search(rf"^{name} +PASS$", shown.stdout, re.MULTILINE), shown.stdout
