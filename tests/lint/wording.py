# SPDX-License-Identifier: MIT
"""The project's words: identifiers and phrases to avoid, and what to write instead.

A reader who knows epoll, TCP and systemd should find nothing to learn in the sources. The lists
hold only what a good text never needs, and no ordinary words. Each entry is (regular expression,
what to write instead).
"""

# Names of interfaces (journal fields, counters, JSON keys) stay as they are.
INTERFACES = r"(?:echod_|ECHOD_)?(?:kept_bytes|KEPT_BYTES)"

# Whole names, and parts of names that underscores separate: owed finds owed_ and bytes_owed.
IDENTIFIERS = [
    ("kept_(?![A-Za-z])", "buffered_"),
    ("others_wait", "others_ready"),
    ("drained_for_the_next", "drained_for_restart"),
    ("next_is_wanted", "restart_pending"),
    ("forget_parked", "close_handed_over"),
    ("tell_full|told_full", "log_capacity"),
    ("tell_fault|told_fault", "log_fault"),
    ("told_turned_away", "logged_rejections"),
    ("told_", "logged_, reported_"),
    ("incidents", "warnings"),
    ("unless_memory_is_out", "ignore_bad_alloc"),
    ("is_worth_another_try", "is_transient"),
    ("await_manager", "notify_barrier"),
    ("other_end_is_held", "peer_is_open"),
    ("looked_(?!up)", "send_queue_sampled"),
    ("alarm_|alarmed", "timer_"),
    ("clients_clocks", "timeouts"),
    ("obeys?", "apply_control"),
    ("hand_on", "redistribute_unsent"),
    ("heir", "other"),
    ("end_thoughts", "expire_think_timers"),
    ("drop_the_patient", "expire_waiting"),
    ("kPatience", "kTimeout"),
    ("kGrain|grain", "kGranularity, granularity"),
]

# Names of types, enumerators and functions in C++.
NAMES = [
    (r"Inheritance\b", "HandoverFds"),
    (r"Orders\b", "RunControl"),
    (r"Thoughts?\b(?! )", "ThinkTimer"),
    (r"Trouble\b(?! )", "MismatchState"),
    (r"Incidents?\b(?! )", "Warnings"),
    (r"LoopTurn\b", "LoopIteration"),
    (r"hears?\(", "on_interval"),
    (r"(?:\w*State|Health)::(?:sound|suspect|broken)\b", "VerifyState::{ok, undecided, failed}"),
]

# Phrases in any case. A space matches a line break too, and the gap between words in the name of a
# test. What is left and right of a phrase is no letter.
PHRASES = [
    ("owed|owes", "pending output, pending_out_; what has not been sent yet"),
    ("(?:is|are) kept for|what is kept|kept now", "buffered bytes"),
    ("who has work|has work that|who is next", "ready connections; the ready queue"),
    ("somebody waits", "other connections are ready; accepts are pending"),
    (
        "(?:nobody|somebody|everybody)(?: else)? (?:is|are|was|has|had|can|may|will|would|must|in"
        "|new|of|who|there|know|[a-z]+s)",
        "name the thing: no connection, another process, the client",
    ),
    ("(?:for|to|closes|finds|refuses|takes?|wakes) (?:nobody|somebody)", "name the thing: no ..."),
    ("nobody's|somebody's", "name the thing: no ..., another ..."),
    ("whoever|whom", "name the thing: the process, the client that ..."),
    ("hand-overs?", "handover"),
    ("process(?:es)? before", "the old process"),
    ("next process(?:es)?(?! that)", "the new process"),
    ("(?:take|takes|took|taken|taking) over(?! the same)", "restore; receive in the handover"),
    ("(?:is|are|was|were|be|been) told(?! apart)|and told", "is logged; is reported; is passed"),
    ("(?:is|are|was|were|be) said", "is logged; is reported"),
    (
        "tells? (?:what|whether|how|why|which|who|when|of|it|the manager|the service manager)",
        "says; shows; reports; logs; notifies",
    ),
    ("complain(?:s|ed|ing)?", "log; warn; report"),
    ("lack of descriptors", "out of file descriptors"),
    ("(?:descriptors|memory)(?: that)? lacks?", "out of file descriptors, out of memory"),
    ("askers?", "control client, control_client; request"),
    ("(?:it|he|each) is asked|whom to tell", "the request; the observer"),
    ("out of epoll's sight", "not registered with epoll; interest disabled"),
    ("stuck looks?", "stalled samples"),
    ("(?:is|are|was|were|be) looked at", "is checked; is examined; is read"),
    ("time is up", "expired"),
    ("turns? of (?:the|its) loop", "iteration of the loop"),
    ("dealt|undealt", "dispatched, distributed; unassigned"),
    (
        "suspicions?|(?:is|becomes?|became) suspect|suspect sessions?",
        "undecided bytes; resync window",
    ),
    ("strangers?", "foreign; other streams"),
    ("(?:go|goes|went) on", "continue; proceed"),
    ("in its place", "instead"),
    ("patience", "timeout, TIMEOUT"),
    ("asked otherwise", "options differ"),
    ("(?:was|were) the limit", "bottleneck; limited by"),
    ("(?:modest|polite) (?:clients?|connections?|ones?)", "well-behaved clients"),
    ("liars?", "faulty server, faulty_server"),
    ("crowd of|(?:a|the) crowd", "idle clients; background connections"),
    ("swallow(?:s|ed|ing)?", "black hole, black_hole; discard; accept without an answer"),
    ("for their address", "the limit of their address"),
]
