# SPDX-License-Identifier: MIT
"""Compares the catalog with the program, and the socket unit with the configuration; no boot."""

import re

from conftest import ROOT
from machine import MESSAGE_ID

CATALOG = (ROOT / "systemd/echod.catalog").read_text()
PROBE_HPP = (ROOT / "client/probe/journal_entry.hpp").read_text()
LOG_HPP = (ROOT / "src/server/log/log.hpp").read_text()


def catalog_entries():
    """Identifier to (header, body)."""
    parts = re.split(r"(?m)^-- ([0-9a-f]{32})$", CATALOG)[1:]
    return {
        identifier: tuple(text.strip().split("\n\n", 1))
        for identifier, text in zip(parts[::2], parts[1::2])
    }


def test_catalog_and_program_have_the_same_message_ids():
    in_program = re.findall(r'std::string_view k\w+ = "([0-9a-f]{32})"', LOG_HPP + PROBE_HPP)
    assert len(in_program) == len(set(in_program))
    assert set(in_program) == set(catalog_entries())
    assert set(MESSAGE_ID.values()) <= set(in_program)


def test_each_catalog_entry_has_a_subject_and_an_explanation():
    entries = catalog_entries()
    assert len(entries) == CATALOG.count("\n-- ")
    for header, body in entries.values():
        assert re.search(r"^Subject: \S", header)
        assert "\nDefined-By: echod\nDocumentation: man:" in header
        assert len(body.split()) > 15


def test_the_socket_unit_listens_where_the_default_configuration_does():
    config = (ROOT / "config/echod.toml").read_text()
    (port,) = re.findall(r"(?m)^port = (\d+)$", config)
    (addresses,) = re.findall(r"(?m)^addresses = \[(.*)\]$", config)
    (backlog,) = re.findall(r"(?m)^backlog = (\d+)$", config)
    unit = (ROOT / "systemd/echod.socket").read_text()
    listening = re.findall(r"(?m)^ListenStream=(\S+)$", unit)
    assert listening == [
        f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        for address in re.findall('"(.*?)"', addresses)
    ]
    assert f"\nBacklog={backlog}\n" in unit
