# SPDX-License-Identifier: MIT
"""A verdict on each target, with the measured figure. Ratios are medians of the ratios within the
rounds, with their interval; a target inside of the interval is undecided."""

from . import polling, results

READY_MS, FIRST_ECHO_MS = 30, 100


def _target(what, limit, measured, met):
    return {"what": what, "target": limit, "measured": measured, "met": met}


UNDECIDED = "undecided"


def _interval(found):
    """A single figure is its own interval."""
    return found if isinstance(found, dict) else {"ratio": found, "low": found, "high": found}


def _verdict(found, limit, at_most_):
    """Whether the target is met: True, False or UNDECIDED."""
    low, high = ((found["low"], found["high"]) if at_most_ else (-found["high"], -found["low"]))
    bound = limit if at_most_ else -limit
    return True if high <= bound else False if low > bound else UNDECIDED


def _shown(found, form):
    text = form.format(found["ratio"])
    return text if found["low"] == found["high"] else (
        f"{text} ({form.format(found['low'])}..{form.format(found['high'])})")


def _bounded(what, limit, value, form, at_most_):
    bound = f"{'at most' if at_most_ else 'at least'} {form.format(limit)}"
    if value is None:
        return _target(what, bound, "not measured", None)
    found = _interval(value)
    return _target(what, bound, _shown(found, form), _verdict(found, limit, at_most_))


def at_most(what, limit, value, form="{:.2f}"):
    """`value`: a figure, one with an interval, or None."""
    return _bounded(what, limit, value, form, True)


def at_least(what, limit, value, form="{:.2f}"):
    return _bounded(what, limit, value, form, False)


def _of_the_bare_loop(rows):
    for row in rows:
        limit = 1.00 if row["churn"] else 1.05 if row["in_flight"] == 1 else 1.15
        found = row["echod_to"]["epoll"]["cpu_ns_per_message"]
        yield at_most(f"{row['name']}: CPU a message, of the bare loop's", limit,
                      found)


def _in_every_row(rows, peer, metric, what, limit, at_most_):
    """One target over several rows: reports the worst row and the rows that miss the target."""
    bound = f"{'at most' if at_most_ else 'at least'} {limit:.2f}"
    judged = [row for row in rows
              if metric != "messages_per_s" or results.rate_is_theirs(row, peer)]
    ratios = [(row["echod_to"][peer][metric], row["name"]) for row in judged
              if row["echod_to"][peer][metric]]
    if len(ratios) < len(judged):
        return _target(what, bound, "not measured in every row", None)
    limited = [row["name"] for row in rows if row not in judged]
    tail = f"; limited by the client, so that CPU alone is judged: {', '.join(limited)}"
    if not ratios:
        return _target(what, bound, "no row is judged" + tail, None)
    worst, where = (max if at_most_ else min)(ratios, key=lambda one: one[0]["ratio"])
    measured = f"{_shown(worst, '{:.2f}')} at worst ({where})"
    by_verdict = {wanted: [name for found, name in ratios
                           if _verdict(found, limit, at_most_) is wanted]
                  for wanted in (False, UNDECIDED)}
    for wanted, word in ((False, "missed"), (UNDECIDED, UNDECIDED)):
        if names := by_verdict[wanted]:
            measured += f"; {word} in {len(names)} of {len(ratios)}: {', '.join(names)}"
    met = False if by_verdict[False] else UNDECIDED if by_verdict[UNDECIDED] else True
    return _target(what, bound, measured + (tail if limited else ""), met)


def _of_the_peers(rows):
    few = [row for row in rows if row["connections"] + row["idle"] <= 1000]
    for peer, of, cpu, rate in (("libuv", rows, 1.0, 1.0), ("asio", rows, 1.0, 1.0),
                                ("libevent", rows, 1.0, 1.0), ("io_uring", few, 1.05, 0.95)):
        where = "every row" if of is rows else "every row of up to 1,000 connections"
        yield _in_every_row(of, peer, "cpu_ns_per_message",
                            f"CPU a message, of {peer}'s, {where}", cpu, True)
        yield _in_every_row(of, peer, "messages_per_s",
                            f"messages a second, of {peer}'s, {where}", rate, False)


def _ahead_of_io_uring(rows):
    for row in rows:
        if row["connections"] >= 10_000:
            yield at_most(f"{row['name']}: CPU a message, of io_uring's", 1.00,
                          row["echod_to"]["io_uring"]["cpu_ns_per_message"])


def growth(rows, server):
    """The highest number of active connections, and its CPU time per message relative to 64."""
    plain = [row for row in rows
             if row["in_flight"] == 1 and row["sizes"] == "fixed:64" and not row["idle"]
             and not row["churn"]]
    few = next(row for row in plain if row["connections"] == 64)
    many = max(plain, key=lambda row: row["connections"])
    found = results.compare(*(row["servers"][server]["rounds"]["cpu_ns_per_message"]
                              for row in (many, few)))
    return many["connections"], found


def start(found):
    yield at_most("exec to READY=1, ms", READY_MS, found["ready_ms"]["median"], "{:.1f}")
    yield at_most("first echo through a passed socket, ms", FIRST_ECHO_MS,
                  found["first_echo_ms"]["median"], "{:.1f}")


def judge(rows, idle, started, polled=None):
    found = [*_of_the_bare_loop(rows), *_of_the_peers(rows), *_ahead_of_io_uring(rows)]
    connections, ours = growth(rows, "echod")
    bare = (growth(rows, "epoll")[1] or {"ratio": 0})["ratio"]
    found.append(at_most(f"{connections:,} connections: CPU a message, of that with 64 "
                         f"(the bare loop: {bare:.2f})", max(1.2, bare), ours))
    if polled:
        found += polling.judge(polled)
    idle_echod = idle["echod"]
    found.append(at_most(f"{idle_echod['connections']:,} idle: bytes of memory each", 160,
                         idle_echod["rss_bytes_per_connection"], "{:.0f}"))
    found.append(at_most(f"{idle_echod['connections']:,} idle: percent of a core", 0.1,
                         idle_echod["server_cpu"] * 100, "{:.3f}"))
    return [*found, *start(started)]


def describe(found):
    text = ""
    marks = {True: "met      ", False: "MISSED   ", UNDECIDED: UNDECIDED, None: "-        "}
    for target in found:
        text += (f"{marks[target['met']]}  {target['what']}: {target['target']}, is "
                 f"{target['measured']}\n")
    met = sum(target["met"] is True for target in found)
    judged = sum(target["met"] is not None for target in found)
    undecided = sum(target["met"] == UNDECIDED for target in found)
    return text + (f"{met} of {judged} targets met, {undecided} undecided, "
                   f"{len(found) - judged} not judged\n")
