# SPDX-License-Identifier: MIT
"""Finds the decisions of a source file and rewrites it so that each can be changed at run time.

The decisions come from clang's syntax tree (-ast-dump=json). The rewritten file calls mutant.hpp and
keeps its lines. A change never spans files, macros are left alone, and so are constant expressions:
a constant of the project is changed where it is used.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CRASHES = 5  # of clang, before it is an error
EQUALITIES = {"==": "!=", "!=": "=="}
FUNCTIONS = {"<": ("lt", "<="), "<=": ("le", "<"), ">": ("gt", ">="), ">=": ("ge", ">"),
             "+": ("plus", "-"), "-": ("minus", "+")}  # fmt: skip
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
NEGATE = ("(mutation::hit({id}) != static_cast<bool>(", "))")
EXTREMES = {"min": ("least", "max"), "max": ("most", "min")}
BINARY = ("BinaryOperator", "CXXOperatorCallExpr", "CXXRewrittenBinaryOperator")
# Expressions around which nothing changes.
WRAPPERS = ("ImplicitCastExpr", "ParenExpr", "ExprWithCleanups", "CXXBindTemporaryExpr",
            "MaterializeTemporaryExpr", "CXXConstructExpr")  # fmt: skip
CONSTANT = ("ConstantExpr", "StaticAssertDecl", "EnumConstantDecl", "CXXDefaultArgExpr",
            "CXXDefaultInitExpr", "TemplateArgument", "UnaryExprOrTypeTraitExpr")  # fmt: skip


@dataclass(eq=False)
class Mutant:
    file: str  # relative to the root
    begin: int  # offset of the expression or statement
    end: int
    change: str  # as in the report
    edits: list = field(repr=False)  # (begin, end, text with {id}) of the replacements
    line: int = 0
    text: str = ""  # the line, without blanks around it
    id: int = 0

    @property
    def key(self):
        return (self.file, self.text, self.change)

    def __str__(self):
        return f"{self.file}:{self.line}: {self.change}: {self.text}"


class Tree:
    """The syntax tree of one file, with the offsets of its nodes in that file."""

    def __init__(self, path, arguments, directory, namespace):
        command = ["clang++", *arguments, "-w", "-fsyntax-only", "-x", "c++", "-Xclang",
                   "-ast-dump=json", "-Xclang", f"-ast-dump-filter={namespace}", str(path)]  # fmt: skip
        # Where clang++ is ccache(1), that would keep the tree to itself.
        environment = dict(os.environ, CCACHE_DISABLE="1")
        output = _syntax_tree(command, directory, environment)
        self.source = Path(directory, path).read_bytes()
        self.main = str(path)
        self.file = None
        text, at, self.roots = output.decode(), 0, []
        while (at := _skip_blanks(text, at)) < len(text):
            node, at = json.JSONDecoder().raw_decode(text, at)
            self._locate(node)
            self.roots.append(node)

    # clang names the file of a location only where it differs from the location before.
    def _locate(self, node):
        for key in ("loc", "range"):
            places = node.get(key, {})
            if key == "loc":
                self._offset(places)
            else:
                begin = self._offset(places.get("begin", {}))
                end = self._offset(places.get("end", {}))
                if begin and end:
                    node["span"] = (begin[0], end[1])
        for child in node.get("inner", ()):
            self._locate(child)

    def _offset(self, place):
        macro = "expansionLoc" in place
        for inner in (place["spellingLoc"], place["expansionLoc"]) if macro else (place,):
            self.file = inner.get("file", self.file)
            place = inner
        if "offset" not in place or self.file != self.main:
            return None
        end = place["offset"] + place["tokLen"]
        if macro and self.source[end : end + 1] == b"(":
            return None  # a macro with arguments
        return place["offset"], end

    def text(self, begin, end):
        return self.source[begin:end].decode()


def _syntax_tree(command, directory, environment):
    """The output of clang. clang 14 reads memory that it has not set (JSONNodeDumper, a cast by a
    constructor), so that it crashes in some runs and not in others: a run that crashed is repeated."""
    for _ in range(CRASHES):
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True)
        if done.returncode == 0:
            return done.stdout
        if done.returncode > 0 and done.returncode < 128:
            break
    sys.exit(f"tests/mutation/run: {command[-1]}: {done.stderr.decode(errors='replace')[-2000:]}")


def _skip_blanks(text, at):
    while at < len(text) and text[at].isspace():
        at += 1
    return at


class Finder:
    def __init__(self, tree, file):
        self.tree = tree
        self.file = file
        self.found = {}
        for root in tree.roots:
            self._visit(root, ())
        lines = tree.source.decode().split("\n")
        for mutant in self.found.values():
            mutant.line = tree.source.count(b"\n", 0, mutant.begin) + 1
            mutant.text = lines[mutant.line - 1].strip()
        self.mutants = sorted(self.found.values(), key=lambda one: (one.begin, one.end))

    def _add(self, begin, end, change, *edits):
        self.found.setdefault((begin, end, change), Mutant(self.file, begin, end, change, edits))

    def _wrap(self, node, change, before, after):
        begin, end = node["span"]
        self._add(begin, end, change, (begin, begin, before), (end, end, after))

    def _visit(self, node, above):
        kind = node.get("kind", "")
        if kind in CONSTANT or node.get("constexpr") and kind == "VarDecl" or node.get("isImplicit"):
            return
        children = [child for child in node.get("inner", ()) if child]
        if kind in BINARY:
            self._binary(node, children)
        elif kind == "IfStmt":
            self._if(node, children)
        elif kind == "ConditionalOperator" and children:
            self._negate(children[0], "negate")
        elif kind == "ReturnStmt" and children:
            self._negate(children[0], "negate")
        elif kind == "CallExpr":
            self._extreme(node, children)
        elif "span" in node:
            self._leaf(node, kind, above)
        if kind in ("CompoundStmt", "CaseStmt", "DefaultStmt"):
            for child in children:
                self._statement(child)
        if kind == "UserDefinedLiteral":
            return
        for child in children:
            self._visit(child, (*above, node))

    def _operands(self, node, children):
        """The two sides and the operator between them, or nothing."""
        kind = node.get("kind")
        if kind == "CXXRewrittenBinaryOperator":
            for child in children:
                for one in _descendants(child):
                    if one.get("kind") in BINARY[:2] and one.get("span") == node.get("span"):
                        operands = self._operands(one, one.get("inner", []))
                        if operands:
                            return operands
            return None
        sides = children[1:] if kind == "CXXOperatorCallExpr" else children
        if len(sides) != 2 or not all("span" in side for side in sides):
            return None
        left, right = sorted(sides, key=lambda side: side["span"])
        between = self.tree.text(left["span"][1], right["span"][0]).strip()
        return (left, right, between) if between else None

    def _binary(self, node, children):
        operands = self._operands(node, children)
        if not operands:
            return
        left, right, operator = operands
        gap = (left["span"][1], right["span"][0])
        begin, end = left["span"][0], right["span"][1]
        if operator in ("&&", "||"):
            name, before, after = ("true", "(mutation::hit({id}) || (", "))")
            if operator == "||":
                name, before, after = ("false", "(!mutation::hit({id}) && (", "))")
            for side in (left, right):
                if self._operator(side) != operator:
                    self._wrap(side, f"{self._short(side)} to {name}", before, after)
            return
        if operator in EQUALITIES:
            self._wrap(node, f"{operator} to {EQUALITIES[operator]}", *NEGATE)
            return
        if operator not in FUNCTIONS or operator == "+" and re.search(r"\*|basic_string", _type(node)):
            return
        function, other = FUNCTIONS[operator]
        blanks = re.sub(r"\S", "", self.tree.text(*gap))
        self._add(begin, end, f"{operator} to {other}",
                  (begin, begin, f"mutation::{function}({{id}}, "), (*gap, "," + blanks), (end, end, ")"))

    def _operator(self, node):
        node = _unwrapped(node)
        operands = self._operands(node, node.get("inner", [])) if node.get("kind") in BINARY else None
        return operands[2] if operands else None

    def _short(self, node):
        text = " ".join(self.tree.text(*node["span"]).split())
        return text if len(text) <= 40 else text[:37] + "..."

    def _if(self, node, children):
        if node.get("hasVar") or node.get("isConstexpr"):
            return
        self._negate(children[1 if node.get("hasInit") else 0], "negate")

    def _negate(self, node, change):
        """Negates what is a truth value and has no comparison of its own to change."""
        inner = _unwrapped(node)
        if "span" not in node or self._operator(node) in (*COMPARISONS, "&&", "||"):
            return
        if inner.get("kind") == "CXXBoolLiteralExpr" or _type(node) != "bool":
            return
        self._wrap(node, change, *NEGATE)

    def _extreme(self, node, children):
        if len(children) != 3 or "span" not in node:
            return
        text = self.tree.text(*node["span"])
        found = re.match(r"std::(min|max)(<[^()]*>)?\(", text)
        if found:
            function, other = EXTREMES[found[1]]
            begin = node["span"][0]
            self._add(*node["span"], f"{found[1]} to {other}",
                      (begin, begin + found.end(), f"mutation::{function}{found[2] or ''}({{id}}, "))

    def _leaf(self, node, kind, above):
        # The next node above that is no conversion and no parenthesis.
        parent = next((one for one in reversed(above) if one.get("kind") not in WRAPPERS), {})
        equality = self._operator(parent) in EQUALITIES  # it is changed itself
        text = self.tree.text(*node["span"])
        if kind == "CXXBoolLiteralExpr" and text in ("true", "false"):
            other = "false" if text == "true" else "true"
            self._wrap(node, f"{text} to {other}", "(mutation::hit({id}) != ", ")")
        elif kind in ("IntegerLiteral", "UserDefinedLiteral") and re.match(r"\d", text):
            # A variable's first value is mostly overwritten.
            if not equality and not (text == "0" and parent.get("kind") in ("VarDecl", "FieldDecl")):
                self._wrap(node, f"{text} to {text} + 1", "mutation::next({id}, ", ")")
        elif kind in ("DeclRefExpr", "MemberExpr"):
            name = node.get("referencedDecl", {})
            if name.get("kind") == "EnumConstantDecl" and "::" in text:
                if not equality:
                    self._wrap(node, f"{text} to its neighbour", "mutation::swap({id}, ", ")")
            elif re.fullmatch(r"(\w+::)*k[A-Z]\w*", text) and _is_number(node):
                self._wrap(node, f"{text} to {text} + 1", "mutation::next({id}, ", ")")

    def _statement(self, node):
        kind = node.get("kind", "")
        plain = kind.endswith(("Expr", "Operator", "ExprWithCleanups")) or kind in ("BreakStmt", "ContinueStmt")
        plain = plain or kind == "ReturnStmt" and not node.get("inner")
        if plain and "span" in node and self.tree.source[node["span"][1]:].lstrip()[:1] == b";" or \
                plain and kind in ("BreakStmt", "ContinueStmt", "ReturnStmt") and "span" in node:
            begin, end = node["span"]
            self._add(begin, end, "remove " + self._short(node), (begin, begin, "if (!mutation::hit({id})) "))


def _descendants(node):
    yield node
    for child in node.get("inner", ()):
        yield from _descendants(child)


def _unwrapped(node):
    while node.get("kind") in WRAPPERS and len(node.get("inner", ())) == 1:
        node = node["inner"][0]
    return node


def _type(node):
    type_ = node.get("type", {})
    return type_.get("desugaredQualType", type_.get("qualType", ""))


def _is_number(node):
    type_ = _type(node).removeprefix("const ")
    return "duration<" in type_ or re.fullmatch(r"((un)?signed )?(char|short|int|long|long long)", type_)


def find(root, build, file, namespace):
    """The mutants of one file. `build`: a build directory, for the arguments of the compiler."""
    commands = json.loads(Path(build, "compile_commands.json").read_text())
    path = Path(root, file)
    # All sources of the server have the same arguments.
    command = next(c for c in commands if "echod-core" in c["output"])
    words = shlex.split(command["command"])
    arguments = [word for word in words if word.startswith(("-I", "-isystem", "-D", "-std"))]
    return Finder(Tree(path, arguments, command["directory"], namespace), file).mutants


def rewrite(source, mutants):
    """`source` with the changes of `mutants`, which have their numbers."""
    edits = []
    for order, mutant in enumerate(mutants):
        size = mutant.end - mutant.begin
        for begin, end, text in mutant.edits:
            text = text.replace("{id}", str(mutant.id)).encode()
            # What surrounds more begins first and ends last.
            opens = begin == mutant.begin
            rank = (1, -size, order) if opens else (0, size, -order)
            edits.append((begin, rank, end, text))
    result, at = [], 0
    for begin, _, end, text in sorted(edits):
        result += [source[at:begin], text]
        at = max(at, end)
    return b"".join([*result, source[at:]])
