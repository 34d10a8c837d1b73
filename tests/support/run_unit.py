# SPDX-License-Identifier: MIT
"""Runs the tests of a meson build directory, with one result per GoogleTest case.

run_unit.py BUILD_DIR RESULTS_DIR SUITE [DECLARED...]
    writes RESULTS_DIR/SUITE-NAME.xml for each executable of meson's suites DECLARED (unit)
"""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import results

# Ends a test that hangs; no test is judged by its duration.
MINIMUM_TIMEOUT_SECONDS = 300


def declared_tests(build_dir, suite):
    listing = subprocess.run(
        ["meson", "introspect", "--tests", build_dir], check=True, stdout=subprocess.PIPE
    )
    return [test for test in json.loads(listing.stdout) if f"echod:{suite}" in test["suite"]]


def run(test):
    """(failure or None, output, seconds) of the process."""
    timeout = max(MINIMUM_TIMEOUT_SECONDS, test["timeout"])
    start = time.monotonic()
    try:
        process = subprocess.run(
            test["cmd"],
            cwd=test["workdir"],
            env={**os.environ, **test["env"]},
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        status, output = process.returncode, process.stdout
    except subprocess.TimeoutExpired as expired:
        status, output = None, expired.stdout or b""
    failure = None
    if status is None:
        failure = f"no end after {timeout} s"
    elif status != 0:
        failure = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return failure, output.decode(errors="replace"), time.monotonic() - start


def count_cases(path):
    """(cases, failed cases) of a GoogleTest XML file; (0, 0) if it is incomplete."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return 0, 0
    cases = list(root.iter("testcase"))
    return len(cases), sum(case.find("failure") is not None for case in cases)


def run_and_record(test, results_dir, suite):
    """Runs one test; returns a line with its result."""
    path = results_dir / f"{suite}-{test['name'].replace('/', '_')}.xml"
    is_gtest = test["protocol"] == "gtest"
    if is_gtest:
        test["cmd"].append(f"--gtest_output=xml:{path}")
    failure, output, seconds = run(test)
    cases, failed = count_cases(path) if is_gtest else (1, 0)
    if not is_gtest:
        message = f"{failure}\n{output}" if failure else None
        results.write(path, suite, [(test["name"], seconds, message)])
    elif cases == 0 or (failure and failed == 0):
        # It died before or after writing the XML (a sanitizer's report at exit).
        message = f"{failure or 'wrote no results'}\n{results.last_lines(output)}"
        died = path.with_name(path.stem + "-process.xml")
        if cases == 0:
            path.unlink(missing_ok=True)
        results.write(died, suite, [(test["name"], seconds, message)])
        failure = failure or "wrote no results"
    if failure:
        print(output)
    return f"{test['name']}: {cases} tests, {seconds:.1f} s, {failure or 'all passed'}"


def main(arguments):
    build_dir, results_dir, suite = arguments[0], Path(arguments[1]).resolve(), arguments[2]
    declared = arguments[3:] or ["unit"]
    tests = [test for name in declared for test in declared_tests(build_dir, name)]
    if not tests:
        results.write(
            results_dir / f"{suite}-none.xml", suite, [("declared", 0.0, "no test is declared")]
        )
    for test in tests:
        print(run_and_record(test, results_dir, suite), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
