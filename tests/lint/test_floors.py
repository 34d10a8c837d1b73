# SPDX-License-Identifier: MIT
"""The floors of the architecture: a file includes only what stands on its own floor or below."""

import fnmatch

import pytest
import sources

# net and wire do not know each other, and the client never sees the server.
MAY_INCLUDE = {
    "base": {"base"},
    "net": {"base", "net"},
    "wire": {"base", "wire"},
    "server": {"base", "net", "wire", "server"},
    "main": {"base", "net", "wire", "server"},
    "client": {"base", "net", "wire", "client"},
}

# Each library's headers, and the only files that may include them.
QUARANTINE = {
    "toml++": ["src/server/config.cpp"],
    "systemd": ["src/server/service.cpp"],
    "spdlog": ["src/server/log.hpp", "src/server/log_sinks.hpp"],
    "CLI": ["src/main.cpp", "client/option_reader.cpp"],
    "nlohmann": ["client/report_json.hpp", "client/report_abuse.hpp", "client/report_abuse.cpp"],
    "fmt": ["src/*", "client/*"],
}
SYSTEM_FOLDERS = {"arpa", "linux", "net", "netinet", "sys"}

PROGRAM_FILES = sources.tracked_under("src", "client", suffixes=(".cpp", ".hpp"))


def floor(file):
    if file.parts[0] == "client":
        return "client"
    return "main" if file.parent.name == "src" else file.parts[1]


@pytest.mark.parametrize("file", PROGRAM_FILES)
def test_includes_only_its_own_floor_and_those_below(file):
    allowed = MAY_INCLUDE[floor(file)]
    wrong = {}
    for name in sources.includes(file)[0]:
        target = sources.resolve(file, name)
        if target is None:
            wrong[name] = "is no file of the project"
        elif floor(target) not in allowed:
            wrong[name] = f"is of {floor(target)}, {floor(file)} may include {sorted(allowed)}"
    assert wrong == {}


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
