/* SPDX-License-Identifier: MIT
 *
 * A model of what wakes echod's loop: the kernel's edge, the bit that remembers it, the prompt queue
 * and the bulk queue, quota, stalled output, half-close, drain and handover, for N connections.
 * tests/spin/run checks every reachable state: none in which bytes wait and nothing will wake the
 * loop. Names are those of src/server/clients (readable_, exhaust_, pending_out_, buffered_,
 * watches_output, Next) and of the kernel's epoll (a ready list, SOCK_NOSPACE).
 *
 * Units: a message has MSG bytes; a visit of the prompt queue receives at most PROMPT_RECV bytes, one
 * of the bulk queue BULK_RECV; a connection that had more than QUOTA messages served in a visit
 * belongs to the bulk queue; the send buffer has room for ROOM bytes. Sizes are as small as they can
 * be with every case still in them: a message that arrives in parts, more input than a visit
 * receives, more messages than the quota, output that does not fit.
 *
 * Each BUG_... plants a fault that the check must find.
 */
#ifndef N
#define N 2
#endif
#ifndef BYTES
#define BYTES 4 /* that each client may send */
#endif
#define MSG 2
#define QUOTA 1
#define PROMPT_RECV 4
#define BULK_RECV 5
#ifndef ROOM
#define ROOM 2
#endif
#define BULK_VISITS 1 /* of the bulk queue, in one iteration */

mtype = { none, wait_input, wait_output, more, close_it };
mtype = { no_signal, drain, handover };

/* The kernel's side of each connection. */
byte rx[N];         /* received, not read */
bool fin[N];        /* the client has shut its write side */
byte tx[N];         /* sent, not read by the client */
bool nospace[N];    /* SOCK_NOSPACE: report when there is room again */
bool listed[N];     /* on epoll's ready list */
bool signalled;     /* the signalfd is readable: level-triggered */
mtype signal = no_signal;

/* The connection. */
bool readable[N];
bool exhaust[N];
bool peer_done[N];
byte pending_out[N]; /* the front of buffered */
byte buffered[N];
bool watches_output[N];
bool closed[N];
bool drained[N];     /* closed because the server stops */

/* The loop. */
chan prompt = [N] of { byte };
chan bulk = [N] of { byte };
bool queued[N];
bool is_bulk[N]; /* the queue that the connection belongs to */
bool continued[N]; /* its last visit left more to do */
bool draining;

/* What each client did. */
byte sent[N];
byte got[N];
bool quiet[N]; /* it sends nothing more */

#define min(a, b) ((a) < (b) -> (a) : (b))
#define readiness(c) (rx[c] > 0 || fin[c] || (watches_output[c] && tx[c] < ROOM))
#if N == 1
#define any_listed listed[0]
#elif N == 2
#define any_listed (listed[0] || listed[1])
#else
#define any_listed (listed[0] || listed[1] || listed[2])
#endif

inline push_ready(c) {
    if
    :: !queued[c] && !is_bulk[c] -> queued[c] = true; prompt!c
#ifndef BUG_BULK_EVENT_LOST
    :: !queued[c] && is_bulk[c] -> queued[c] = true; bulk!c
#endif
    :: else
    fi
}

proctype client(byte c) {
    do
    :: atomic { sent[c] < BYTES && !quiet[c] && !closed[c] ->
        sent[c]++; rx[c]++; listed[c] = true }
    :: atomic { !quiet[c] -> quiet[c] = true } /* it stays, and waits for its echoes */
    :: atomic { !quiet[c] -> quiet[c] = true; fin[c] = true; listed[c] = !closed[c] }
    :: atomic { tx[c] > 0 ->
        tx[c]--; got[c]++;
        if
        :: nospace[c] -> nospace[c] = false;
            if
            :: watches_output[c] && !closed[c] -> listed[c] = true
            :: else
            fi
        :: else
        fi }
    od
}

/* systemctl stop, or systemctl restart, or neither; once, at any time. */
proctype operator() {
    if
    :: atomic { signal = drain; signalled = true }
    :: atomic { signal = handover; signalled = true }
    :: skip
    fi
}

/* epoll_wait(2) takes an item off the ready list and reports what is true of it at that moment. */
inline harvest(c) {
    atomic {
        if
        :: listed[c] ->
            listed[c] = false;
            if
            :: !closed[c] && readiness(c) ->
                if
                :: rx[c] > 0 || fin[c] -> readable[c] = true
                :: else
                fi;
#ifndef BUG_HANGUP_IGNORED
                if
                :: fin[c] -> exhaust[c] = true
                :: else
                fi;
#endif
                push_ready(c)
            :: else
            fi
        :: else
        fi
    }
}

/* Connection::serve(). Every system call is one step, so that a client may act between them. */
inline serve(c) {
    next = none;
    served = 0;
    if
    :: pending_out[c] > 0 -> atomic { /* flush_pending() */
        count = min(pending_out[c], ROOM - tx[c]);
        tx[c] = tx[c] + count;
        pending_out[c] = pending_out[c] - count;
        buffered[c] = buffered[c] - count;
        if
        :: pending_out[c] > 0 -> nospace[c] = true; next = wait_output
        :: else
        fi }
    :: else
    fi;
    if
    :: next == none ->
        frames = buffered[c] / MSG;
        if
        :: readable[c] -> atomic { /* gather() */
            limit = (is_bulk[c] -> BULK_RECV : PROMPT_RECV);
            limit = (limit - buffered[c] > MSG -> limit - buffered[c] : MSG);
            count = min(rx[c], limit);
            rx[c] = rx[c] - count;
            buffered[c] = buffered[c] + count;
            if
            :: count == 0 ->
                readable[c] = false; exhaust[c] = false;
                peer_done[c] = peer_done[c] || fin[c]
            :: else ->
#ifdef BUG_EARLY_CLEAR
                readable[c] = exhaust[c]
#else
                readable[c] = count == limit || exhaust[c]
#endif
            fi;
            frames = buffered[c] / MSG }
        :: else
        fi;
        if
        :: frames > 0 -> atomic { /* echo() */
            count = min(frames * MSG, ROOM - tx[c]);
            tx[c] = tx[c] + count;
            buffered[c] = buffered[c] - count;
            pending_out[c] = frames * MSG - count;
            nospace[c] = nospace[c] || pending_out[c] > 0 }
        :: else
        fi;
        served = frames;
        if /* after_echo() */
        :: pending_out[c] > 0 -> next = wait_output
        :: pending_out[c] == 0 && readable[c] -> next = more
        :: pending_out[c] == 0 && !readable[c] ->
            if
            :: peer_done[c] -> next = close_it
            :: !peer_done[c] && draining && buffered[c] == 0 -> drained[c] = true; next = close_it
            :: !peer_done[c] && !(draining && buffered[c] == 0) -> next = wait_input
            fi
        fi
    :: else
    fi
}

/* Clients::serve_one(): each state has its next event. */
inline settle(c) {
    atomic {
        is_bulk[c] = served > QUOTA || (is_bulk[c] && continued[c]); /* finish_visit() */
        continued[c] = next == more;
        if
        :: next == close_it -> closed[c] = true; listed[c] = false
        :: next == more ->
#ifndef BUG_FORGOTTEN_REQUEUE
            push_ready(c)
#else
            skip
#endif
        :: next == wait_output ->
            if
            :: !watches_output[c] ->
#ifndef BUG_OUTPUT_NOT_WATCHED
                watches_output[c] = true;
                listed[c] = listed[c] || readiness(c) /* EPOLL_CTL_MOD looks anew */
#else
                skip
#endif
            :: else
            fi
        :: next == wait_input -> skip
        fi;
        next = none
    }
}

inline on_signal() {
    atomic {
        if
        :: signalled ->
            signalled = false;
            if
            :: signal == drain -> draining = true
            :: else
            fi;
            for (id : 0 .. N - 1) {
                if
                :: !closed[id] ->
                    if
                    :: signal == drain -> readable[id] = true
                    :: else -> /* the new process: a new epoll, nothing queued */
                        watches_output[id] = false;
                        is_bulk[id] = is_bulk[id] && queued[id];
                        continued[id] = false;
                        readable[id] = !peer_done[id];
                        exhaust[id] = readable[id];
                        listed[id] = rx[id] > 0 || fin[id]
                    fi;
#ifdef BUG_RESTORED_NOT_QUEUED
                    if
                    :: signal == drain -> push_ready(id)
                    :: else -> readable[id] = false; exhaust[id] = false
                    fi
#else
                    push_ready(id)
#endif
                :: else
                fi
            }
            id = 0;
        :: else
        fi
    }
}

/* The queues hold each connection at most once; a connection that is closed leaves them. */
proctype loop() {
    byte id = 0;
    byte count = 0;
    byte limit = 0;
    byte frames = 0;
    byte visits = 0;
    byte bulk_visits = 0;
    byte served = 0;
    mtype next = none;
    do
    :: atomic { /* epoll_wait(2): sleeps only where both queues are empty */
#ifdef BUG_SLEEPS_ON_BULK
        len(prompt) > 0 || any_listed || signalled ->
#else
        len(prompt) + len(bulk) > 0 || any_listed || signalled ->
#endif
        id = 0 };
        on_signal();
        do
        :: id < N -> harvest(id); id++
        :: else -> break
        od;
        visits = len(prompt);
        bulk_visits = min(len(bulk), BULK_VISITS);
        do
        :: visits + bulk_visits > 0 ->
            atomic {
                if
                :: visits > 0 -> prompt?id; visits--
                :: else -> bulk?id; bulk_visits--
                fi;
                queued[id] = false };
            if
            :: !closed[id] -> serve(id); settle(id)
            :: else
            fi
        :: else -> break
        od;
        atomic { id = 0; count = 0; limit = 0; frames = 0; served = 0 }
    od
}

/* Nothing can happen any more: no client acts, and the loop sleeps. */
proctype monitor() {
    byte c;
    end: timeout ->
    for (c : 0 .. N - 1) {
        assert(closed[c] || rx[c] == 0);                     /* no input was forgotten */
        assert(closed[c] || pending_out[c] == 0);            /* no output was forgotten */
        assert(closed[c] || buffered[c] < MSG);              /* no message was forgotten */
        assert(closed[c] || !fin[c]);                        /* no half-close was forgotten */
        assert(closed[c] || !draining || buffered[c] > 0);   /* the drain ends what is done */
        assert(drained[c] || got[c] == sent[c] / MSG * MSG); /* every byte came back */
    }
}

init {
    byte c;
    atomic {
        for (c : 0 .. N - 1) {
            run client(c)
        }
        run operator();
        run loop();
        run monitor()
    }
}
