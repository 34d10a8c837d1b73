# SPDX-License-Identifier: MIT
"""Test results as JUnit XML: writes the result of a single step, and sums up a directory of
results.

results.py record FILE SUITE NAME STATUS SECONDS [LOG]
    one test: passed if STATUS is 0, otherwise failed with the end of LOG as its message
results.py summary DIRECTORY
    prints the failed and skipped tests, a table, and "N passed, N failed"; exit status 1 if any
    failed
"""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

MESSAGE_LINES = 40


def write(path, suite, cases):
    """Writes cases, a list of (name, seconds, failure or None), as the JUnit file `path`."""
    root = ET.Element("testsuite", name=suite, tests=str(len(cases)))
    for name, seconds, failure in cases:
        case = ET.SubElement(root, "testcase", classname=suite, name=name, time=f"{seconds:.3f}")
        if failure is not None:
            ET.SubElement(case, "failure", message=printable(failure))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def printable(text):
    """text without characters that are invalid in XML, such as the colours of compiler output."""
    return "".join(c if c in "\n\t" or ord(c) >= 0x20 else "?" for c in text)


def last_lines(text, count=MESSAGE_LINES):
    return "\n".join(text.rstrip().splitlines()[-count:])


class Totals:
    """Counts of one suite."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.seconds += other.seconds


def outcome(case):
    """("passed" | "failed" | "skipped", message) of one <testcase>."""
    failures = [child for child in case if child.tag in ("failure", "error")]
    if failures:
        texts = [child.text or child.get("message") or "" for child in failures]
        return "failed", "\n".join(texts)
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message") or "no reason given"
    if case.get("status") == "notrun":  # GoogleTest's DISABLED_
        return "skipped", "disabled"
    return "passed", ""


def read_file(path, skip_fails, report):
    """Totals of one JUnit file; report(line) is called for failed and skipped tests."""
    totals = Totals()
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        totals.failed = 1
        report(f"FAILED   {path.name}\n    not XML: {error}")
        return totals
    for case in root.iter("testcase"):
        totals.seconds += float(case.get("time") or 0)
        name = f"{case.get('classname')}.{case.get('name')}"
        kind, message = outcome(case)
        if kind == "skipped" and skip_fails:
            kind, message = "failed", f"skipped, which counts as failed here: {message}"
        if kind == "passed":
            totals.passed += 1
        elif kind == "skipped":
            totals.skipped += 1
            report(f"SKIPPED  {name}: {message}")
        else:
            totals.failed += 1
            indented = last_lines(message).replace("\n", "\n    ")
            report(f"FAILED   {name}\n    {indented}")
    return totals


def summary(directory):
    skip_fails = os.environ.get("CI") == "true"
    suites = {}
    for path in sorted(Path(directory).glob("*.xml")):
        suite = path.stem.split("-")[0]
        suites.setdefault(suite, Totals()).add(read_file(path, skip_fails, print))
    total = Totals()
    for suite, totals in suites.items():
        total.add(totals)
        print(
            f"{suite:<10} {totals.passed:>5} passed {totals.failed:>4} failed"
            f" {totals.skipped:>4} skipped {totals.seconds:>8.1f} s"
        )
    if total.passed + total.failed == 0:
        print("no test ran: that is a failure")
        total.failed = 1
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    return 1 if total.failed else 0


def record(path, suite, name, status, seconds, log=None):
    failure = None
    if status != "0":
        text = Path(log).read_text(errors="replace") if log else ""
        failure = f"exit status {status}\n{last_lines(text)}"
    write(path, suite, [(name, float(seconds), failure)])
    return 0


def main(arguments):
    if len(arguments) in (6, 7) and arguments[0] == "record":
        return record(*arguments[1:])
    if len(arguments) == 2 and arguments[0] == "summary":
        return summary(arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
