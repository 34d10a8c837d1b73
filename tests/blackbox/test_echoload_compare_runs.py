# SPDX-License-Identifier: MIT
"""echoload compare with several runs a side: what is noise, what is a difference, what is open."""

import json
import math
import random
import statistics

import pytest

from echoload_support import echo_back, echoload, serve

NOISE = 0.05  # of the rate, between runs


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("result") / "result.json"
    with serve(echo_back) as target:
        ended = echoload(*("-c", 2, "-n", 200, "--format", "json", "-o", path, target))
    assert ended.code == 0, ended
    return json.loads(path.read_text())


@pytest.fixture
def side(result, tmp_path):
    """Writes the results of runs whose rates are given; returns their files."""

    def write(name, rates):
        files = []
        for number, rate in enumerate(rates):
            run = json.loads(json.dumps(result)) | {"seed": 1000 * ord(name) + number}
            run["rate"]["messages_per_s"] = rate
            files.append(tmp_path / f"{name}{number}.json")
            files[-1].write_text(json.dumps(run))
        return files

    return write


def noisy(seed, count, rate=10_000.0):
    numbers = random.Random(seed)
    return [rate * math.exp(NOISE * numbers.gauss(0, 1)) for _ in range(count)]


def compare(a, b, *options):
    return echoload("compare", *options, *a, "--", *b)


def row(ended, name):
    return next(line.split() for line in ended.out.splitlines() if line.split()[:1] == [name])


def test_the_table_has_medians_and_the_interval_of_their_ratio(side):
    rates = noisy(1, 7), noisy(2, 6, 8_000)
    ended = compare(side("a", rates[0]), side("b", rates[1]))
    assert ended.code == 0 and ended.err == "", ended
    assert "7 runs of A and 6 of B" in ended.out
    name, a, b, difference, low, to, high, p = row(ended, "rate")
    medians = [statistics.median(each) for each in rates]
    assert [a, b] == [f"{median:,.0f}/s" for median in medians]
    assert difference == f"{(medians[1] / medians[0] - 1) * 100:+.1f}%"
    assert float(low[:-1]) < float(difference[:-1]) < float(high[:-1]) and to == "to"
    # All values of B are below all of A: 2 of the binomial(13, 6) = 1716 ways to divide them.
    assert max(rates[1]) < min(rates[0]) and p == f"{2 / 1716:.4f}"
    assert "verdicts of A: 7 ok\nverdicts of B: 6 ok\n" in ended.out


def test_a_side_that_is_a_fifth_slower_fails(side):
    ended = compare(side("a", noisy(1, 6)), side("b", noisy(2, 6, 8_000)), "--fail-if", "rate<-5%")
    assert ended.code == 3, ended
    gate = ended.out.splitlines()[-1]
    assert gate.startswith("fail-if rate<-5%: -") and gate.endswith(": failed")


def test_a_side_like_the_other_passes_a_margin_wider_than_the_noise(side):
    ended = compare(side("a", noisy(1, 8)), side("b", noisy(3, 8)), "--fail-if", "rate<-20%")
    assert ended.code == 0 and ended.out.endswith(": passed\n"), ended


def test_a_margin_within_the_noise_is_undecided_and_says_how_many_runs_would_decide(side):
    ended = compare(side("a", noisy(1, 6)), side("b", noisy(3, 6)), "--fail-if", "rate<-3%")
    assert ended.code == 6, ended
    assert "undecided, about " in ended.out and "more runs a side would decide\n" in ended.out


def test_fewer_than_six_runs_a_side_are_too_few_to_tell(side):
    ended = compare(side("a", noisy(1, 5)), side("b", noisy(2, 9, 5_000)), "--fail-if", "rate<-5%")
    assert ended.code == 6, ended
    assert "too few runs to tell: 6 a side are needed\n" in ended.out
    assert "fail-if rate<-5%: undecided, too few runs to tell\n" in ended.out
    assert row(ended, "rate")[-2:] == ["-", "-"]


def test_p_is_corrected_for_the_number_of_conditions(side):
    a, b = side("a", noisy(1, 6)), side("b", noisy(2, 6, 8_000))
    plain = 2 / math.comb(12, 6)
    ended = compare(a, b, "--fail-if", "rate<0%")
    assert f"p {plain:.4f})" in ended.out, ended
    ended = compare(a, b, "--fail-if", "rate<0%,bytes<0%,p99>+0%")
    assert f"p {3 * plain:.4f})" in ended.out, ended


@pytest.mark.parametrize(
    "condition, code, outcome",
    [
        ("rate<5k", 0, "passed"),
        ("rate<8k", 6, "undecided, "),
        ("rate>=12k", 0, "passed"),
        ("rate<12k", 3, "failed"),
        ("lost>0", 0, "passed"),
        ("lost>=0", 3, "failed"),
    ],
)
def test_a_condition_on_b_alone_is_judged_by_the_interval_of_its_median(
    side, condition, code, outcome
):
    rates = noisy(2, 6, 8_000)
    ended = compare(side("a", noisy(1, 6)), side("b", rates), "--fail-if", condition)
    assert ended.code == code, ended
    gate = ended.out.splitlines()[-1]
    assert gate.split(": ", 2)[2].startswith(outcome), gate
    if condition.startswith("rate"):  # of six values, the interval is from the least to the largest
        median, low, high = statistics.median(rates), min(rates), max(rates)
        assert f": {median:,.0f}/s ({low:,.0f}/s to {high:,.0f}/s): " in gate


def test_options_may_stand_behind_the_files(side):
    a, b = side("a", noisy(1, 6)), side("b", noisy(2, 6, 8_000))
    assert echoload("compare", *a, "--", *b, "--fail-if", "rate<-5%").code == 3


def test_one_run_a_side_is_judged_only_with_single_run(side):
    a, b = side("a", [10_000.0]), side("b", [8_000.0])
    shown = echoload("compare", *a, *b)
    assert shown.code == 0 and "one run a side: a difference may be noise\n" in shown.out, shown
    refused = echoload("compare", *a, *b, "--fail-if", "rate<-5%")
    assert refused.code == 2 and refused.out == "", refused
    assert "--single-run" in refused.err and refused.err.count("\n") == 1
    assert echoload("compare", *a, *b, "--fail-if", "rate<-5%", "--single-run").code == 3
    many = compare(side("c", noisy(1, 6)), side("d", noisy(2, 6)), "--single-run")
    assert many.code == 2 and "--single-run is for one run a side" in many.err, many


def test_a_run_that_is_given_twice_is_refused(side):
    a, b = side("a", noisy(1, 6)), side("b", noisy(2, 6))
    ended = compare([*a[:5], a[0]], b)
    assert ended.code == 2 and f"{a[0]} and {a[0]} are the same result" in ended.err, ended
    assert compare(a, a).code == 0  # of the other side it may be


def test_any_bad_run_fails_the_comparison(side):
    a, b = side("a", noisy(1, 6)), side("b", noisy(2, 6))
    run = json.loads(b[4].read_text())
    run["verdict"] = {"outcome": "not delivered", "exit_code": 5, "reasons": ["it broke"]}
    b[4].write_text(json.dumps(run))
    ended = compare(a, b, "--fail-if", "rate<-50%")
    assert ended.code == 3, ended
    assert f"fail-if: the verdict of {b[4]} is not delivered, it broke: failed\n" in ended.out
    assert compare(a, b).code == 0


def test_any_run_of_another_load_is_refused(side):
    a, b = side("a", noisy(1, 6)), side("b", noisy(2, 6))
    run = json.loads(a[3].read_text())
    run["asked"]["connections"] = 9
    a[3].write_text(json.dumps(run))
    ended = compare(a, b)
    assert ended.code == 2 and f"{a[0]} and {a[3]} are results of different loads" in ended.err
    assert compare(a, b, "--force").code == 0


def series(path, result, runs, interleaved=True):
    rows = []
    for number, (letter, block, rate) in enumerate(runs):
        run = json.loads(json.dumps(result)) | {"seed": number}
        run["rate"]["messages_per_s"] = rate
        rows.append({"side": letter, "block": block, "result": run})
    head = {"runs": 6, "pause_s": 1.0, "ab": interleaved, "seed": 1}
    path.write_text(
        json.dumps({"schema": 1, "program": "echoload", "repeat": head, "runs": rows})
    )
    return path


def drifting(factor, blocks=4):
    """Runs ABBA while the machine becomes 30 % slower from block to block."""
    runs = []
    numbers = random.Random(5)
    for block in range(1, blocks + 1):
        for letter in "ABBA":
            rate = 10_000 * 0.7**block * (factor if letter == "B" else 1)
            runs.append((letter, block, rate * math.exp(0.01 * numbers.gauss(0, 1))))
    return runs


def test_a_drift_cancels_out_in_interleaved_runs(result, tmp_path):
    path = series(tmp_path / "ab.json", result, drifting(0.9))
    ended = echoload("compare", path)
    assert ended.code == 0, ended
    assert "8 runs of A and 8 of B, in pairs that ran one after the other" in ended.out
    _, _, _, difference, low, _, high, _ = row(ended, "rate")
    assert -12 < float(low[:-1]) < float(difference[:-1]) < float(high[:-1]) < -8
    assert echoload("compare", path, "--fail-if", "rate<-15%").code == 0


def test_a_block_that_was_cut_short_leaves_out_the_run_without_a_partner(result, tmp_path):
    path = series(tmp_path / "ab.json", result, drifting(0.9)[:-1])
    ended = echoload("compare", path)
    assert "7 runs of A and 7 of B" in ended.out, ended
    assert f"left out, since the run next to it is missing: {path}: run 15\n" in ended.out


def test_a_series_of_one_side_is_a_side(side, result, tmp_path):
    runs = [("A", number, rate) for number, rate in enumerate(noisy(4, 6, 8_000), 1)]
    path = series(tmp_path / "b.json", result, runs, interleaved=False)
    ended = compare(side("a", noisy(1, 6)), [path], "--fail-if", "rate<-5%")
    assert ended.code == 3 and "6 runs of A and 6 of B" in ended.out, ended
    alone = echoload("compare", path)
    assert alone.code == 2 and f"{path} has the runs of one side" in alone.err, alone
    merged = echoload("merge", path)
    assert merged.code == 2 and "is a series of echoload repeat" in merged.err, merged


def test_a_series_of_both_sides_is_no_side(side, result, tmp_path):
    path = series(tmp_path / "ab.json", result, drifting(1))
    ended = compare(side("a", noisy(1, 6)), [path])
    assert ended.code == 2 and f"{path} has runs of both sides" in ended.err, ended


def test_a_wrong_series_is_reported_with_the_position(result, tmp_path):
    path = series(tmp_path / "ab.json", result, [("C", 1, 1.0)])
    ended = echoload("compare", path)
    assert ended.code == 2 and f'{path}: runs[0].side: must be "A" or "B"' in ended.err, ended
    path = series(tmp_path / "none.json", result, [])
    ended = echoload("compare", path)
    assert ended.code == 2 and f"{path} has no run of B next to one of A" in ended.err, ended
