# SPDX-License-Identifier: MIT
"""The floors of the architecture: no include goes up, to a neighbour, or around."""

import fnmatch

import pytest
import sources
import structure

# From the lowest up. A room may include itself and the floors below, never its neighbours.
FLOORS = [
    {"src/base"},
    {"src/net", "src/wire"},
    {"src/http"},
    {"src/server/config"},
    {"src/server/log", "src/server/stats"},
    {"src/server/clients"},
    {"src/server/listener", "src/server/handover", "src/server/control"},
    {"src/server/service"},
    {"src/server/loop"},
    {"src/server/start", "src/exporter"},
    {"src"},
]
CLIENT_FLOORS = [
    *FLOORS[:3],
    {"client/message", "client/pace", "client/statistics"},
    {"client/measure", "client/capacity"},
    {"client/options"},
    {"client/result"},
    {"client/load"},
    {"client/abuse"},
    {"client/run", "client/report"},
    {"client/compare", "client/probe"},
    {"client/command"},
    {"client"},
]

# Each library's headers, and the only files that may include them.
QUARANTINE = {
    "toml++": ["src/server/config/reader.cpp"],
    "systemd": ["src/server/service/manager.cpp", "src/server/service/passed_sockets.cpp"],
    "spdlog": ["src/server/log/*"],
    "CLI": ["client/options/reader.cpp"],
    "nlohmann": ["client/report/json_value.hpp"],
    "fmt": ["src/*", "client/*"],
}
SYSTEM_FOLDERS = {"arpa", "linux", "net", "netinet", "sys"}

PROGRAM_FILES = sources.tracked_under("src", "client", suffixes=(".cpp", ".hpp"))


def floors_for(file):
    return CLIENT_FLOORS if file.parts[0] == "client" else FLOORS


def quoted_includes(files):
    return {file: sources.includes(file)[0] for file in files}


@pytest.mark.parametrize("file", PROGRAM_FILES)
def test_includes_only_its_own_room_and_the_floors_below(file):
    includes = quoted_includes(PROGRAM_FILES)
    assert structure.wrong_includes(file, includes, floors_for(file)) == {}


def test_no_units_include_each_other():
    assert structure.include_cycles(quoted_includes(PROGRAM_FILES)) == []


@pytest.mark.parametrize("file", PROGRAM_FILES)
def test_includes_a_library_only_where_it_is_quarantined(file):
    wrong = {}
    for name in sources.includes(file)[1]:
        library = name.split("/")[0]
        if "/" not in name or library in SYSTEM_FOLDERS:
            continue
        patterns = QUARANTINE.get(library, [])
        if not any(fnmatch.fnmatch(str(file), pattern) for pattern in patterns):
            wrong[name] = f"may stand only in {patterns}"
    assert wrong == {}
