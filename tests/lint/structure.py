# SPDX-License-Identifier: MIT
"""The rules for how sources are divided: floors and rooms, units, classes.

Each rule is a function of the text or the includes that it is given, so the tests can also apply it
to small planted examples.
"""

import re
from pathlib import Path


def room(file):
    return str(file.parent)


def resolve(file, name, known):
    """The file among `known` that #include "name" in `file` refers to, or None."""
    candidates = (file.parent / name, Path("src") / name, Path(name))
    return next((c for c in candidates if c in known), None)


def rooms_below(file, floors):
    """The rooms that `file` may include from: its own, and those on the floors below."""
    below = set()
    for floor in floors:
        if room(file) in floor:
            return below | {room(file)}
        below |= floor
    return set()


def wrong_includes(file, includes, floors):
    """{name: reason} for each quoted include in `file` that goes up, goes to a neighbour, or fails.

    `includes` maps every file of the project to the names that it includes in quotes.
    """
    allowed = rooms_below(file, floors)
    wrong = {}
    for name in includes[file]:
        target = resolve(file, name, includes)
        if target is None:
            wrong[name] = "is not a file of the project"
        elif room(target) not in allowed:
            wrong[name] = f"is in {room(target)}; {room(file)} may include {sorted(allowed)}"
    return wrong


def unit(file):
    """A header and the source of the same name are one unit."""
    return str(file.with_suffix(""))


def include_cycles(includes):
    """Each set of units that include each other, directly or through others, as a sorted list."""
    direct = {}
    for file, names in includes.items():
        targets = (resolve(file, name, includes) for name in names)
        units = {unit(target) for target in targets if target is not None}
        direct.setdefault(unit(file), set()).update(units - {unit(file)})

    def reachable(start):
        seen, todo = set(), [start]
        while todo:
            for found in direct[todo.pop()] - seen:
                seen.add(found)
                todo.append(found)
        return seen

    reach = {name: reachable(name) for name in direct}
    groups = {frozenset(b for b in reach[a] if a in reach[b]) for a in reach if a in reach[a]}
    return sorted(sorted(group) for group in groups)


# What a definition must not be searched in. Raw strings come first: they may contain the others.
OPAQUE = re.compile(
    r'R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|//[^\n]*"
    r"|/\*.*?\*/",
    re.DOTALL,
)
CLASS = re.compile(
    r"^[ \t]*(?:class|struct|union)\s+(?:\[\[\w+\]\]\s+)?(\w+)[^;(]*?\{", re.MULTILINE
)
# clang-format puts a definition at namespace level, and nothing else, in the first column. Nothing
# before the qualified name may be a parenthesis or an equals sign: there it would be a use.
MEMBER = re.compile(
    r"^(?!using\b|template\s+(?:class|struct)\b|extern\b|friend\b)"
    r"(?:[\w\[~:][^=(;{\n]*?)??(?<![\w:])"
    r"(?P<class>\w+)(?:<[^()\n]*>)?::(?:\w+::)*"
    r"(?:~?\w+|operator\s*(?:\(\)|[^\s(\w]+|[\w:]+[ *&]*))(?:\(|\{|\[| = |;)",
    re.MULTILINE,
)


def classes_in(text):
    return set(CLASS.findall(text))


def split_classes(texts):
    """{class: files} for each class that has members defined in more than one .cpp.

    `texts` maps the files of one program, headers included, to what is in them. Members of a nested
    class count as the outer one's. A class that a .cpp defines for itself belongs to that file.
    """
    plain = {file: OPAQUE.sub("", text) for file, text in texts.items()}
    shared = set().union(*(classes_in(text) for f, text in plain.items() if f.suffix != ".cpp"))
    defined_in = {}
    for file, text in plain.items():
        if file.suffix == ".cpp":
            for name in (set(MEMBER.findall(text)) & shared) - classes_in(text):
                defined_in.setdefault(name, set()).add(str(file))
    return {name: sorted(files) for name, files in defined_in.items() if len(files) > 1}
