// SPDX-License-Identifier: MIT
// One connection: its descriptor, its buffered bytes and its pending output. It is passive: it
// knows no epoll, no log and no configuration, and the time is passed to it.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/socket.hpp"
#include "server/clients/buffer_pool.hpp"
#include "server/clients/parked_connection.hpp"
#include "server/clients/pending_output.hpp"
#include "server/stats/counters.hpp"
#include "wire/frame.hpp"
#include "wire/proxy_header.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace echod {

/// What serve() borrows, and its limits.
struct ServeContext {
    /// The receive buffer of all connections. It holds nothing between calls.
    std::span<std::byte> buffer;
    BufferPool& pool;
    Counters& counters;
    TimePoint now;
    /// Bytes that the receive buffer may hold after receiving, those of earlier visits included; at
    /// most its size. Room for the rest of one message is always added.
    std::size_t receive_limit;
    bool draining = false; ///< the server is stopping: end a connection without work
};

/// The state in which serve() leaves a connection. Each state says what serves it next, so no
/// connection is left without one.
enum class Next : std::uint8_t {
    wait_input,  ///< nothing left to do: the next edge for input
    wait_output, ///< pending output that the kernel did not take: the next edge for output
    more,        ///< more to do now: a ready queue, because no edge will come
    close,       ///< nothing: the connection is over, for close_reason()
    proxied,     ///< a whole PROXY header: take_proxy_header(), then a ready queue
};

/// The deadline of a connection, beside the one for idleness.
enum class Deadline : std::uint8_t {
    none,
    message, ///< a message is incomplete
    write,   ///< there is pending output that the peer does not read
    linger,  ///< our FIN was sent; input is discarded, so that close(2) sends no reset
    header,  ///< the PROXY header is incomplete; it runs from the accept on
};

/// One client's connection: its bytes and the state they are in. It knows neither epoll nor a
/// clock. Owns its socket, and borrows a buffer from a pool while it has bytes buffered: close()
/// must be called before it is destroyed, and it may be moved only while it has none.
class Connection {
public:
    Connection() noexcept = default;
    /// Owns `fd`, a connected, non-blocking stream socket.
    Connection(UniqueFd fd, TimePoint now) noexcept
        : fd_(std::move(fd)), last_activity_(now), accepted_(now) {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// A PROXY header comes before the first message. `is_refused`: the first byte is a protocol
    /// error, because the peer may not send one. To be called before the first serve().
    void expect_proxy_header(bool is_refused) noexcept {
        invalid_ = is_refused;
        set_deadline(Deadline::header, accepted_);
    }

    /// True until take_proxy_header(), if the peer may send a PROXY header.
    [[nodiscard]] bool awaits_proxy_header() const noexcept {
        return deadline_ == Deadline::header && !invalid_;
    }

    /// After serve() returned Next::proxied: takes the header from the front of the buffered bytes.
    /// Messages may follow it, so the connection has to be served once.
    [[nodiscard]] ProxySource take_proxy_header(BufferPool& pool, Counters& counters) noexcept;

    /// Notes an edge. `input`: there may be something to read; true also for a hang-up or an error.
    /// `exhaust`: read until EAGAIN or end of file, because a short read does not mean that nothing
    /// is left (EPOLLRDHUP, EPOLLHUP, EPOLLERR, EPOLLPRI).
    void note_edge(bool input, bool exhaust) noexcept {
        readable_ = readable_ || input;
        exhaust_ = exhaust_ || exhaust;
    }

    /// Sends pending output, then receives at most once, and echoes every whole message with one
    /// send(2).
    [[nodiscard]] Next serve(ServeContext& context) noexcept;

    /// Samples the kernel's send queue. Returns true if it is shorter than at the last sample,
    /// which counts as activity: with a big send buffer a slow reader shrinks the queue long before
    /// an edge for output comes. The first sample since a byte moved has no other to compare with
    /// and returns true if the queue is not empty.
    [[nodiscard]] bool peer_reads(TimePoint now) noexcept;

    /// True if input has arrived, with or without an edge, that may be received now.
    [[nodiscard]] bool has_unread() const noexcept {
        return pending_.bytes() == 0 && !peer_done_ && !invalid_ && has_input(fd_.get());
    }

    /// True if there is pending output and the kernel has room for it, with or without an edge.
    [[nodiscard]] bool can_flush() const noexcept {
        return pending_.bytes() != 0 && has_room(fd_.get());
    }

    /// How often a stalled write is sampled within timeouts.write.
    static constexpr int kWriteSamples = ParkedConnection::kWriteSamples;

    /// Samples a stalled write and restarts its deadline; to be called whenever a kWriteSamples-th
    /// of timeouts.write has passed since deadline_since(). Returns true if kWriteSamples samples
    /// in a row found that the peer does not read.
    [[nodiscard]] bool write_is_stalled(TimePoint now) noexcept;

    /// The state for the new process, without the descriptor. Borrows the buffered bytes.
    [[nodiscard]] ParkedConnection park(TimePoint now) const;

    /// Restores that state into a new connection; returns false if memory is out. The connection
    /// has to be served once, because edges may have been missed.
    [[nodiscard]] bool restore(const ParkedConnection& parked, BufferPool& pool,
                               TimePoint now) noexcept;

    /// Closes the connection: returns its buffer to `pool` and counts the reason and what is lost.
    void close(CloseReason reason, BufferPool& pool, Counters& counters) noexcept;

    [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
    /// When deadline() was started.
    [[nodiscard]] TimePoint deadline_since() const noexcept { return deadline_since_; }

    [[nodiscard]] TimePoint last_activity() const noexcept { return last_activity_; }
    [[nodiscard]] TimePoint accepted() const noexcept { return accepted_; }
    [[nodiscard]] CloseReason close_reason() const noexcept { return reason_; }
    /// Whole messages received since the connection was accepted.
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    /// Bytes received since the connection was accepted, without a PROXY header.
    [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }
    /// Buffered bytes: pending output, input that is not served yet, and an incomplete message.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept { return buffered_size_; }
    /// Bytes of whole messages that the kernel has not taken yet.
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return pending_.bytes(); }
    /// Bytes of an incomplete message received so far; from kHeaderSize on they include the header.
    /// 0 while there is pending output, although such bytes may be behind it.
    [[nodiscard]] std::size_t partial_bytes() const noexcept {
        return deadline_ == Deadline::message ? buffered_size_ : 0;
    }
    [[nodiscard]] bool header_seen() const noexcept { return partial_bytes() >= kHeaderSize; }

private:
    struct Input {
        std::span<std::byte> data;
        Scan scan;
        bool failed = false;
    };

    [[nodiscard]] std::span<std::byte> buffered() const noexcept {
        return {buffered_ + buffered_begin_, buffered_size_};
    }
    [[nodiscard]] Input gather(ServeContext& context) noexcept;
    [[nodiscard, gnu::always_inline]] inline bool
    receive_more(ServeContext& context, std::size_t limit, Input& input) noexcept;
    [[nodiscard]] Next read_proxy_header(ServeContext& context) noexcept;
    [[nodiscard]] bool flush_pending(ServeContext& context) noexcept;
    [[nodiscard]] Next echo(ServeContext& context, const Input& input) noexcept;
    [[nodiscard]] Next after_echo(ServeContext& context) noexcept;
    [[nodiscard]] bool buffer(std::span<const std::byte> rest, BufferPool& pool) noexcept;
    void release(BufferPool& pool) noexcept;
    [[nodiscard]] Next fail(int error) noexcept;
    [[nodiscard]] Next stall(ServeContext& context) noexcept;
    [[nodiscard]] Next start_linger(ServeContext& context, CloseReason reason) noexcept;
    [[nodiscard]] Next discard_input(ServeContext& context) noexcept;
    void set_deadline(Deadline deadline, TimePoint since) noexcept {
        deadline_ = deadline;
        deadline_since_ = since;
    }

    UniqueFd fd_;
    CloseReason reason_ = CloseReason::peer;
    Deadline deadline_ = Deadline::none;
    bool readable_ : 1 = false;           ///< there may be more to read
    bool exhaust_ : 1 = false;            ///< read until EAGAIN, despite short reads
    bool peer_done_ : 1 = false;          ///< end of file was read
    bool invalid_ : 1 = false;            ///< an invalid header follows the pending output
    bool large_ : 1 = false;              ///< buffered_ is of the pool's large size
    bool send_queue_sampled_ : 1 = false; ///< since a byte moved
    std::uint8_t stalled_samples_ = 0;    ///< in a row, without progress
    std::byte* buffered_ = nullptr;       ///< borrowed from the pool, or nullptr
    std::uint16_t buffered_begin_ = 0;
    std::uint16_t buffered_size_ = 0;
    PendingOutput pending_;        ///< at the front of buffered()
    std::uint32_t send_queue_ = 0; ///< at the last sample; linger: bytes discarded
    TimePoint deadline_since_{};
    TimePoint last_activity_{};
    TimePoint accepted_{};
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_received_ = 0;
};

static_assert(kReceiveBuffer <= std::numeric_limits<std::uint16_t>::max());

} // namespace echod
