// SPDX-License-Identifier: MIT
// The seam between the server and the kernel: recv, send, epoll_ctl and memory that fail, or do
// less than was asked, where a test says so. Linked in by --wrap (ld(1)).
#pragma once

#include "net/epoll.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <set>

namespace fuzz {

/// What the next call that can show it will do.
enum class Fault : std::uint8_t {
    none,
    interrupted, ///< EINTR, once
    would_block, ///< EAGAIN, though it would not
    one_byte,    ///< takes or gives one byte
    half,        ///< takes or gives half
    reset,       ///< ECONNRESET
    broken_pipe, ///< EPIPE
    no_memory,   ///< ENOMEM
    no_buffers,  ///< ENOBUFS
    timed_out,   ///< ETIMEDOUT: retransmission or keepalive gave up
};
inline constexpr unsigned kFaults = 10;

/// The state of the seam. Only descriptors in `watched` are meddled with.
struct Kernel {
    std::deque<Fault> receive;      ///< of the next recv(2) calls
    std::deque<Fault> send;         ///< of the next send(2) calls
    std::deque<Fault> watch;        ///< of the next epoll_ctl(2) calls: no_memory or none
    std::deque<bool> refuse_memory; ///< of the next new (std::nothrow)
    bool was_fatal = false;         ///< an error was given that may end a connection

    /// Descriptors registered with an epoll instance, and how.
    std::map<int, epoll_event> watched;
    int epoll = -1;

    /// Registers each descriptor anew that was told something untrue: a kernel that took less than
    /// it could, or said EAGAIN, gives an edge when that is over.
    void make_good();

    /// Forgets what is registered, since all of it has been closed; what is planned stays.
    void forget_descriptors();

    void reset();
    std::set<int> deceived;
};

[[nodiscard]] Kernel& kernel() noexcept;

} // namespace fuzz
