# SPDX-License-Identifier: MIT
"""The size of files and functions, one .cpp for each class, and planted cases for every rule."""

import subprocess
from pathlib import Path

import pytest
import sources
import structure

LONGEST_FILE = 400
LONGEST_FUNCTION = 60

PROGRAM_FILES = sources.tracked_under("src", "client", suffixes=(".cpp", ".hpp"))


def too_long(texts):
    lines = {file: text.count("\n") for file, text in texts.items()}
    return {str(file): count for file, count in lines.items() if count > LONGEST_FILE}


def texts_of(folder):
    files = (file for file in PROGRAM_FILES if file.parts[0] == folder)
    return {file: (sources.ROOT / file).read_text() for file in files}


@pytest.mark.parametrize("folder", ["src", "client"])
def test_no_source_is_too_long(folder):
    found = too_long(texts_of(folder))
    assert found == {}


@pytest.mark.parametrize("folder", ["src", "client"])
def test_the_members_of_a_class_are_defined_in_one_source(folder):
    found = structure.split_classes(texts_of(folder))
    assert found == {}


# Planted cases: each rule finds what it is for, and accepts what is right.

FLOORS = [{"src/base"}, {"src/net", "src/wire"}, {"src"}]


def planted_includes(**includes):
    """net_epoll=["base/units.hpp"] is src/net/epoll.hpp, which includes src/base/units.hpp."""
    tree = {Path("src/base/units.hpp"): [], Path("src/wire/frame.hpp"): []}
    for name, names in includes.items():
        tree[Path("src", *name.split("_")).with_suffix(".hpp")] = names
    return tree


def wrong_includes(name, includes):
    tree = planted_includes(**includes)
    return structure.wrong_includes(Path("src", *name.split("_")).with_suffix(".hpp"), tree, FLOORS)


def test_an_include_of_a_lower_floor_or_the_same_room_is_accepted():
    includes = {"net_epoll": ["base/units.hpp", "net/socket.hpp", "socket.hpp"], "net_socket": []}
    assert wrong_includes("net_epoll", includes) == {}


def test_an_include_of_a_higher_floor_is_found():
    includes = {"base_clock": ["net/epoll.hpp", "units.hpp"], "net_epoll": []}
    assert list(wrong_includes("base_clock", includes)) == ["net/epoll.hpp"]


def test_an_include_of_a_neighbour_on_the_same_floor_is_found():
    includes = {"net_epoll": ["wire/frame.hpp"]}
    assert list(wrong_includes("net_epoll", includes)) == ["wire/frame.hpp"]


def test_an_include_from_a_room_without_a_floor_is_found():
    assert list(wrong_includes("new_room", {"new_room": ["base/units.hpp"]})) == ["base/units.hpp"]


def test_an_include_of_a_file_that_does_not_exist_is_found():
    assert list(wrong_includes("net_epoll", {"net_epoll": ["net/gone.hpp"]})) == ["net/gone.hpp"]


def test_two_headers_that_include_each_other_are_found():
    includes = planted_includes(net_epoll=["net/socket.hpp"], net_socket=["net/epoll.hpp"])
    assert structure.include_cycles(includes) == [["src/net/epoll", "src/net/socket"]]


def test_a_cycle_that_goes_through_a_source_and_a_third_unit_is_found():
    includes = planted_includes(net_epoll=["net/socket.hpp"], net_socket=["base/units.hpp"])
    includes[Path("src/net/socket.cpp")] = ["net/socket.hpp", "net/address.hpp"]
    includes[Path("src/net/address.hpp")] = ["net/epoll.hpp"]
    cycle = ["src/net/address", "src/net/epoll", "src/net/socket"]
    assert structure.include_cycles(includes) == [cycle]


def test_a_source_that_includes_its_own_header_is_no_cycle():
    includes = planted_includes(net_epoll=["base/units.hpp"])
    includes[Path("src/net/epoll.cpp")] = ["net/epoll.hpp", "base/units.hpp"]
    assert structure.include_cycles(includes) == []


def split_classes(header, **sources_by_name):
    texts = {Path("src/loop/loop.hpp"): header}
    texts.update({Path(f"src/loop/{name}.cpp"): text for name, text in sources_by_name.items()})
    return structure.split_classes(texts)


HEADER = """
class Loop {
public:
    explicit Loop(int fd);
    void run() noexcept;
};
struct [[nodiscard]] Limits final : Base {
    static const int kMost;
};
"""
CONSTRUCTOR = "namespace echod {\nLoop::Loop(int fd)\n    : fd_(fd) {}\n} // namespace echod\n"


@pytest.mark.parametrize(
    "definition",
    [
        "void Loop::run() noexcept {\n    step();\n}\n",
        "std::optional<std::pair<int, int>> Loop::step(const Input& input) {\n}\n",
        "[[nodiscard]] const Loop::Part*\nLoop::part(int number) {\n}\n",
        "Loop::~Loop() = default;\n",
        "bool Loop::operator()(int a) {\n}\n",
        "Loop& Loop::operator=(Loop&& other) {\n}\n",
        "Loop::operator bool() const {\n}\n",
        "void Loop::Part::run() {\n}\n",
        "const int Loop::kMost = 3;\n",
    ],
)
def test_a_class_whose_members_are_defined_in_two_sources_is_found(definition):
    found = split_classes(HEADER, loop=CONSTRUCTOR, loop_more=definition)
    assert found == {"Loop": ["src/loop/loop.cpp", "src/loop/loop_more.cpp"]}


@pytest.mark.parametrize(
    "text",
    [
        "void use() {\n    Loop::stop();\n    const auto run = &Loop::run;\n}\n",
        "const int kMost = Loop::most();\n",
        "Loop::Part part(Loop::Kind kind) {\n}\n",
        "std::string Limits::text() {\n}\n",
        "void run(Loop& loop, void (Loop::*step)()) {\n}\n",
        "using Loop::Part;\n",
        "// As in\n/*\nvoid Loop::run() {\n*/\n",
        'const char kHelp[] = R"(\nvoid Loop::run() {\n)";\n',
        "namespace {\nclass Loop {\n    void go();\n};\nvoid Loop::go() {\n}\n} // namespace\n",
        "void names::Loop_run() {\n}\n",
    ],
)
def test_a_class_that_another_source_only_uses_is_accepted(text):
    assert split_classes(HEADER, loop=CONSTRUCTOR, other=text) == {}


def test_a_source_above_the_limit_is_found():
    texts = {Path("src/a.cpp"): "\n" * LONGEST_FILE, Path("src/b.cpp"): "\n" * (LONGEST_FILE + 1)}
    assert too_long(texts) == {"src/b.cpp": LONGEST_FILE + 1}


@pytest.mark.parametrize("above", [0, 1])
def test_clang_tidy_finds_a_function_above_the_limit(above, tmp_path):
    body = "    work();\n" * (LONGEST_FUNCTION - 1 + above)
    planted = tmp_path / "planted.cpp"
    planted.write_text(f"void work();\nvoid lengthy() {{\n{body}}}\n")
    config = sources.ROOT / ".clang-tidy"
    command = ["clang-tidy", f"--config-file={config}", "--quiet", str(planted), "--"]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    found = "readability-function-size" in process.stdout
    assert (found, process.returncode != 0) == (above > 0, above > 0), process.stdout
