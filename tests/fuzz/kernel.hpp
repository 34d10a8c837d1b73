// SPDX-License-Identifier: MIT
// Fault injection between the server and the kernel: recv, send, epoll_ctl and allocations that
// fail or are partial as planned by a test. Linked with --wrap (ld(1)).
#pragma once

#include "net/epoll.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <set>

namespace fuzz {

/// The fault of the next call that supports it.
enum class Fault : std::uint8_t {
    none,
    interrupted, ///< EINTR, once
    would_block, ///< EAGAIN, although the call would not block
    one_byte,    ///< transfers one byte
    half,        ///< transfers half
    reset,       ///< ECONNRESET
    broken_pipe, ///< EPIPE
    no_memory,   ///< ENOMEM
    no_buffers,  ///< ENOBUFS
    timed_out,   ///< ETIMEDOUT: after retransmissions or keep-alive probes
};
inline constexpr unsigned kFaults = 10;

/// The state of the fault injection. Only descriptors in `watched` are affected.
struct Kernel {
    std::deque<Fault> receive;      ///< of the next recv(2) calls
    std::deque<Fault> send;         ///< of the next send(2) calls
    std::deque<Fault> watch;        ///< of the next epoll_ctl(2) calls: no_memory or none
    std::deque<bool> refuse_memory; ///< of the next new (std::nothrow)
    bool was_fatal = false;         ///< a fault may have ended a connection

    /// Descriptors registered with an epoll instance, and their events.
    std::map<int, epoll_event> watched;
    int epoll = -1;

    /// Registers each affected descriptor again: a kernel that returned EAGAIN or accepted only a
    /// part gives an edge when it is ready again, so an injected fault must, too.
    void make_good();

    /// Clears the registrations, because all descriptors have been closed. The plan stays.
    void forget_descriptors();

    void reset();
    std::set<int> deceived;
};

[[nodiscard]] Kernel& kernel() noexcept;

} // namespace fuzz
