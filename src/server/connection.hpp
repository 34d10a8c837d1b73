// SPDX-License-Identifier: MIT
// One client: its descriptor, its bytes, and what it is owed. It knows no epoll, log or config.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/socket.hpp"
#include "server/buffer_pool.hpp"
#include "server/counters.hpp"
#include "server/handover.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace echod {

/// What a connection is lent for one turn of the loop.
struct Turn {
    std::span<std::byte> buffer; ///< shared by all; its content is nobody's after the turn
    BufferPool& pool;
    Counters& counters;
    TimePoint now;
    std::uint32_t quota = kNoQuota; ///< messages that may be served: kNoQuota while nobody waits
    bool draining = false;          ///< the server is stopping: end what has nothing left to do

    static constexpr std::uint32_t kNoQuota = std::numeric_limits<std::uint32_t>::max();
};

/// The state in which serve() leaves a connection. There is no other, so none can be forgotten.
enum class Next : std::uint8_t {
    wait_input,  ///< drained: the next edge for input brings it back
    wait_output, ///< owes bytes the kernel would not take: the next edge for output brings it back
    more,        ///< more to do already: no edge will come, the ready queue has to bring it back
    close,       ///< over, under close_reason()
};

/// Which clock runs against a connection, beside the one for idleness.
enum class Deadline : std::uint8_t {
    none,
    message, ///< a message has begun and is not complete
    write,   ///< the peer does not read what it is owed
    linger,  ///< our FIN is sent; reading on only so that close(2) is no reset
};

class Connection {
public:
    Connection() noexcept = default;
    /// Takes over a connected, non-blocking stream socket.
    Connection(UniqueFd fd, TimePoint now) noexcept
        : fd_(std::move(fd)), last_activity_(now), accepted_(now) {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Notes an edge. `input`: there may be something to read, so also on a hang-up or an error.
    /// `exhaust`: a short read does not mean "nothing left" (EPOLLRDHUP, EPOLLHUP, EPOLLERR,
    /// EPOLLPRI): read until EAGAIN or end of file.
    void note_edge(bool input, bool exhaust) noexcept {
        readable_ = readable_ || input;
        exhaust_ = exhaust_ || exhaust;
    }

    /// Does one turn's work: sends what is owed, receives at most once, echoes at most turn.quota
    /// messages with one send.
    [[nodiscard]] Next serve(Turn& turn) noexcept;

    /// Looks at the kernel's send queue: true where it has shrunk since the last look, which counts
    /// as activity. A peer that reads shows there long before an edge for output comes: behind a
    /// big send buffer a slow reader would be taken for a dead one. The first look since the last
    /// byte has nothing to compare with, and believes that a peer which has not got all does read.
    [[nodiscard]] bool peer_reads(TimePoint now) noexcept;

    /// True where input is here that no edge has told of yet, and that may be received now.
    [[nodiscard]] bool has_unread() const noexcept {
        return owed_ == 0 && !peer_done_ && !invalid_ && has_input(fd_.get());
    }

    /// How often a stalled write is looked at within timeouts.write.
    static constexpr int kWriteLooks = 4;

    /// Looks at a stalled write, each time a kWriteLooks-th of timeouts.write has passed since
    /// deadline_since(), and restarts that clock. True when kWriteLooks looks in a row found that
    /// the peer does not read.
    [[nodiscard]] bool write_is_stuck(TimePoint now) noexcept;

    /// Everything but the descriptor, for the next process; borrows what is kept.
    [[nodiscard]] ParkedConnection park(TimePoint now) const;

    /// Goes on where the process before left off, on a fresh connection; false where memory is out.
    /// It has to be served once, for nothing tells whether an edge was missed.
    [[nodiscard]] bool restore(const ParkedConnection& parked, BufferPool& pool,
                               TimePoint now) noexcept;

    /// Ends the connection: gives its buffer back, counts what is lost and the reason, closes.
    void close(CloseReason reason, BufferPool& pool, Counters& counters) noexcept;

    [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
    /// When the clock of deadline() was started.
    [[nodiscard]] TimePoint deadline_since() const noexcept { return deadline_since_; }

    [[nodiscard]] TimePoint last_activity() const noexcept { return last_activity_; }
    [[nodiscard]] TimePoint accepted() const noexcept { return accepted_; }
    [[nodiscard]] CloseReason close_reason() const noexcept { return reason_; }
    /// Whole messages received since the connection was accepted.
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    /// Bytes received since the connection was accepted.
    [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }
    /// Bytes held here: owed, not yet served, or part of a message.
    [[nodiscard]] std::size_t kept_bytes() const noexcept { return kept_size_; }
    /// Bytes of whole messages that the kernel has not taken yet.
    [[nodiscard]] std::size_t owed_bytes() const noexcept { return owed_; }
    /// Bytes of an incomplete message received so far; the header is seen from kHeaderSize on.
    [[nodiscard]] std::size_t partial_bytes() const noexcept {
        return deadline_ == Deadline::message ? kept_size_ : 0;
    }
    [[nodiscard]] bool header_seen() const noexcept { return partial_bytes() >= kHeaderSize; }

private:
    struct Input {
        std::span<std::byte> data;
        Scan scan;
        bool failed = false;
    };

    [[nodiscard]] std::span<std::byte> kept() const noexcept {
        return {kept_ + kept_begin_, kept_size_};
    }
    [[nodiscard]] Input gather(Turn& turn) noexcept;
    [[nodiscard]] bool flush_owed(Turn& turn) noexcept;
    [[nodiscard]] std::uint32_t frames_out(std::span<const std::byte> frames,
                                           std::size_t sent) noexcept;
    void count_out(std::size_t sent, Counters& counters) noexcept;
    [[nodiscard]] Next echo(Turn& turn, const Input& input) noexcept;
    [[nodiscard]] Next after_echo(Turn& turn, ScanEnd end) noexcept;
    [[nodiscard]] bool keep(std::span<const std::byte> rest, BufferPool& pool) noexcept;
    void release(BufferPool& pool) noexcept;
    [[nodiscard]] Next fail(int error) noexcept;
    [[nodiscard]] Next stall(Turn& turn) noexcept;
    [[nodiscard]] Next start_linger(Turn& turn, CloseReason reason) noexcept;
    [[nodiscard]] Next discard_input(Turn& turn) noexcept;
    void set_deadline(Deadline deadline, TimePoint since) noexcept {
        deadline_ = deadline;
        deadline_since_ = since;
    }

    UniqueFd fd_;
    CloseReason reason_ = CloseReason::peer;
    Deadline deadline_ = Deadline::none;
    bool readable_ : 1 = false;    ///< the last edge for input has not been used up
    bool exhaust_ : 1 = false;     ///< read until EAGAIN: a short read proves nothing
    bool peer_done_ : 1 = false;   ///< end of file was read
    bool invalid_ : 1 = false;     ///< an invalid header was found behind what is owed
    bool large_ : 1 = false;       ///< kept_ is of the pool's large size
    bool looked_ : 1 = false;      ///< at the send queue, since a byte moved
    std::uint8_t stuck_looks_ = 0; ///< looks in a row that found no progress
    std::byte* kept_ = nullptr;    ///< borrowed from the pool, or nullptr
    std::uint16_t kept_begin_ = 0;
    std::uint16_t kept_size_ = 0;
    std::uint16_t owed_ = 0;          ///< the front of kept(): whole messages on their way out
    std::uint16_t owed_messages_ = 0; ///< messages whose last byte is in owed_
    std::uint16_t owed_begun_ = 0;    ///< the front of owed_: the rest of a message begun to go out
    std::uint32_t unread_ = 0;        ///< the send queue at the last look; linger: discarded
    TimePoint deadline_since_{};
    TimePoint last_activity_{};
    TimePoint accepted_{};
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_received_ = 0;
};

static_assert(kReceiveBuffer <= std::numeric_limits<std::uint16_t>::max());

} // namespace echod
