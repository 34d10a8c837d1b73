# SPDX-License-Identifier: MIT
"""A verdict on each target, with the measured figure. Ratios are medians of the ratios within the
rounds."""

from . import results

READY_MS, FIRST_ECHO_MS = 30, 100


def _target(what, limit, measured, met):
    return {"what": what, "target": limit, "measured": measured, "met": met}


def at_most(what, limit, value, form="{:.2f}"):
    measured = "not measured" if value is None else form.format(value)
    return _target(what, f"at most {form.format(limit)}", measured,
                   None if value is None else value <= limit)


def _of_the_bare_loop(rows):
    for row in rows:
        limit = 1.05 if row["in_flight"] == 1 else 1.15
        found = row["echod_to"]["epoll"]["cpu_ns_per_message"]
        yield at_most(f"{row['name']}: CPU a message, of the bare loop's", limit,
                      found["ratio"] if found else None)


def _in_every_row(rows, peer, metric, what, limit, at_most_):
    """One target over several rows: reports the worst row and the rows that miss the target."""
    bound = f"{'at most' if at_most_ else 'at least'} {limit:.2f}"
    judged = [row for row in rows
              if metric != "messages_per_s" or results.rate_is_theirs(row, peer)]
    ratios = [(row["echod_to"][peer][metric]["ratio"], row["name"]) for row in judged
              if row["echod_to"][peer][metric]]
    if len(ratios) < len(judged):
        return _target(what, bound, "not measured in every row", None)
    limited = [row["name"] for row in rows if row not in judged]
    tail = f"; limited by the client, so that CPU alone is judged: {', '.join(limited)}"
    if not ratios:
        return _target(what, bound, "no row is judged" + tail, None)
    worst, where = (max if at_most_ else min)(ratios)
    missed = [name for ratio, name in ratios if (ratio > limit if at_most_ else ratio < limit)]
    measured = f"{worst:.2f} at worst ({where})"
    if missed:
        measured += f"; missed in {len(missed)} of {len(ratios)}: {', '.join(missed)}"
    return _target(what, bound, measured + (tail if limited else ""), not missed)


def _of_the_peers(rows):
    few = [row for row in rows if row["connections"] + row["idle"] <= 1000]
    for peer, of, cpu, rate in (("libuv", rows, 1.0, 1.0), ("asio", rows, 1.0, 1.0),
                                ("libevent", rows, 1.0, 1.0), ("io_uring", few, 1.05, 0.95)):
        where = "every row" if of is rows else "every row of up to 1,000 connections"
        yield _in_every_row(of, peer, "cpu_ns_per_message",
                            f"CPU a message, of {peer}'s, {where}", cpu, True)
        yield _in_every_row(of, peer, "messages_per_s",
                            f"messages a second, of {peer}'s, {where}", rate, False)


def growth(rows, server):
    """The highest number of active connections, and its CPU time per message relative to 64."""
    plain = [row for row in rows
             if row["in_flight"] == 1 and row["sizes"] == "fixed:64" and not row["idle"]
             and not row["churn"]]
    few = next(row for row in plain if row["connections"] == 64)
    many = max(plain, key=lambda row: row["connections"])
    found = results.compare(*(row["servers"][server]["rounds"]["cpu_ns_per_message"]
                              for row in (many, few)))
    return many["connections"], found["ratio"] if found else None


def start(found):
    yield at_most("exec to READY=1, ms", READY_MS, found["ready_ms"]["median"], "{:.1f}")
    yield at_most("first echo through a passed socket, ms", FIRST_ECHO_MS,
                  found["first_echo_ms"]["median"], "{:.1f}")


def judge(rows, idle, started):
    found = [*_of_the_bare_loop(rows), *_of_the_peers(rows)]
    connections, ours = growth(rows, "echod")
    _, bare = growth(rows, "epoll")
    found.append(at_most(f"{connections:,} connections: CPU a message, of that with 64 "
                         f"(the bare loop: {bare or 0:.2f})", max(1.2, bare or 0), ours))
    idle_echod = idle["echod"]
    found.append(at_most(f"{idle_echod['connections']:,} idle: bytes of memory each", 160,
                         idle_echod["rss_bytes_per_connection"], "{:.0f}"))
    found.append(at_most(f"{idle_echod['connections']:,} idle: percent of a core", 0.1,
                         idle_echod["server_cpu"] * 100, "{:.3f}"))
    return [*found, *start(started)]


def describe(found):
    text = ""
    marks = {True: "met   ", False: "MISSED", None: "-     "}
    for target in found:
        text += (f"{marks[target['met']]}  {target['what']}: {target['target']}, is "
                 f"{target['measured']}\n")
    met = sum(target["met"] is True for target in found)
    judged = sum(target["met"] is not None for target in found)
    return text + f"{met} of {judged} targets met, {len(found) - judged} not judged\n"
