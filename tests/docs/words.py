# SPDX-License-Identifier: MIT
"""Reads the help texts of the programs, the manual pages and the completions."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ECHOD_BUILD_DIR", ROOT / "build"))
BINARY = {"echod": BUILD / "src/echod", "echoload": BUILD / "client/echoload",
          "echod-exporter": BUILD / "src/echod-exporter"}  # fmt: skip
PAGE = {"echod": ROOT / "man/echod.8", "echoload": ROOT / "man/echoload.1",
        "echod-exporter": ROOT / "man/echod-exporter.8"}  # fmt: skip
CONFIG_PAGE = ROOT / "man/echod.toml.5"
COMPLETIONS = ROOT / "packaging/completions"


def run(*command, **options):
    """Runs a command; returns its exit status, standard output and standard error."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def help_text(program, *command):
    result = run(BINARY[program], *command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def options_of_help(text):
    """The options of a --help text: those that begin a line, "-c,--connections" as two."""
    names = re.findall(r"^ +((?:-\w,)?-[\w-]+)(?=[ ,\n])", text, re.MULTILINE)
    return {option for group in names for option in group.split(",")}


def options_missing_from(source):
    """The options that a section of a command lists between "but for" and "and these:"."""
    listed = re.search(r"\bbut for\n(.*?)^and these:$", source, re.M | re.DOTALL)[1]
    return {"--" + name for name in re.findall(r"Fl Fl ([\w-]+)", listed)}


def exit_statuses_of_help(text):
    sentence = re.search(r"Exit status: (.*?)\.", text, re.DOTALL)
    return set(re.findall(r"\b\d+\b", sentence[1]))


def section(page, title):
    """The source of one section (.Sh) of an mdoc page."""
    found = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", page.read_text(), re.M | re.DOTALL)
    assert found, f"{page.name} has no section {title}"
    return found[1]


def items(source, macro):
    """The list items of mdoc source that begin with `macro`, without it."""
    return re.findall(rf"^\.It {macro} (.*)$", source, re.MULTILINE)


def names(source, macro):
    """The names in such items: ".It Va one , two" has two."""
    return [name for item in items(source, macro) for name in item.split(" , ")]


def options_of_page(page):
    """The options that have an item under OPTIONS: ".It Fl c , Fl Fl connections Ar N"."""
    found = re.findall(r"(?<!\w)((?:Fl )+)([\w-]+)", "\n".join(
        "Fl " + item for item in items(section(page, "OPTIONS"), "Fl")))  # fmt: skip
    return {"-" * macros.count("Fl") + name for macros, name in found}


def flatten(config):
    return {f"{head}.{key}": value for head, keys in config.items() for key, value in keys.items()}


def config_entries_of_page():
    """For each key in echod.toml(5): its default as TOML, and its description."""
    entries = {}
    for part in re.split(r"^\.Ss \[", CONFIG_PAGE.read_text(), flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("]\n")
        rest = re.split(r"^\.Sh ", rest, flags=re.MULTILINE)[0]
        for entry in re.split(r"^\.It Ic ", rest, flags=re.MULTILINE)[1:]:
            line, _, text = entry.partition("\n")
            key, default = re.fullmatch(r"(\w+) No = Li (.*)", line).groups()
            entries[f"{head}.{key}"] = (default.replace(r"\(dq", '"'), text)
    return entries


def readme_part(title):
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no part {title!r}"
    return found[1]


def toml_of_readme():
    return tomllib.loads(re.search(r"```toml\n(.*?)```", readme_part("Configuration"), re.S)[1])


def complete_in_bash(program, *words):
    """The completions of bash for the last word of a command line."""
    script = (
        'compopt() { :; }; source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '"_$1" "$1" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return offered("bash", "-c", script, COMPLETIONS / "bash" / program, program, *words)


def complete_in_fish(program, *words):
    script = 'source $argv[1]; complete -C "$argv[2]"'
    file = COMPLETIONS / "fish" / f"{program}.fish"
    lines = offered("fish", "--no-config", "-c", script, file, " ".join([program, *words]))
    return {line.split("\t")[0] for line in lines}


def specs_in_zsh(program, *words):
    """The arguments that the zsh completion passes to _arguments, one per option."""
    script = (
        '_arguments() { print -rl -- "$@" }; words=("$@"); CURRENT=$#; source "$0"'
    )
    return offered("zsh", "-f", "-c", script, COMPLETIONS / "zsh" / f"_{program}", program, *words)


def complete_in_zsh(program, *words):
    """Completes options, and the choices of an option with a list: "(text json)" in its spec."""
    specs = [re.sub(r"^(\([^)]*\)|\*)", "", spec) for spec in specs_in_zsh(program, *words)]
    options = {spec.partition("[")[0]: spec for spec in specs if re.match(r"-[\w-]+\[", spec)}
    if words[-1] == "-":
        return set(options)
    return set(re.search(r":\(([^)]*)\)$", options[words[-2]])[1].split())


def offered(*command):
    result = run(*command, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert (result.returncode, result.stderr) == (0, "")
    return set(result.stdout.split("\n")) - {""}
