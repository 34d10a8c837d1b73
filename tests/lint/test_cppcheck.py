# SPDX-License-Identifier: MIT
import sources


def test_cppcheck_has_no_finding(quiet):
    quiet(
        "cppcheck",
        "--quiet",
        "--std=c++20",
        "--language=c++",
        "--enable=warning,performance,portability",
        "--inline-suppr",
        # 2.10 mistakes a std::back_insert_iterator for one that points into the container.
        "--suppress=invalidContainer",
        # 2.17 says where it gave up searching.
        "--suppress=normalCheckLevelMaxBranches",
        # clang-tidy's bugprone-use-after-move knows the methods that are allowed on what was moved,
        # and that a move into a parameter may not happen.
        "--suppress=accessMoved",
        # 2.10 cannot parse a specialised variable template.
        "--suppress=internalAstError",
        "--error-exitcode=1",
        "-D_GNU_SOURCE",
        '-DECHOD_VERSION=""',
        "-Isrc",
        "-I.",
        *sources.tracked_under("src", "client", suffixes=(".cpp",)),
        cwd=sources.ROOT,
    )
