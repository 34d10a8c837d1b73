// SPDX-License-Identifier: MIT
// One connection of the load: what it owes, what it is owed, and whether that came back right.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "client/payload.hpp"
#include "client/sequence_ring.hpp"
#include "client/split.hpp"
#include "client/tally.hpp"
#include "client/verifier.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace echoload {

using echod::TimePoint;

/// How far an attempt to connect has come.
enum class ConnectState : std::uint8_t {
    up,
    pending, ///< finish_connect() knows more once the descriptor is writable
    busy,    ///< a unix socket's backlog is full: connect() again later
    failed,
};

struct ConnectResult {
    ConnectState state = ConnectState::failed;
    int error = 0;                ///< the errno where it failed
    Phase phase = Phase::connect; ///< in which it failed
};

/// The time that a receive call returned, and whether that was in the measured window.
struct ReceiveTime {
    TimePoint now;
    bool in_window = false;
};

/// Why a session is taken down, which decides how its unanswered messages are counted.
enum class Ending : std::uint8_t {
    broken,    ///< it failed, or the server closed it: lost
    timed_out, ///< the oldest waited too long: timed out, and what is younger than that, lost
    run_over,  ///< nobody waits for them any more: in flight
    given_up,  ///< they had the time of --drain after the end: timed out
};

/// Binds to the address `source` and leaves the port to connect(2); 0 or the errno.
[[nodiscard]] int bind_source(int fd, const echod::Endpoint& source) noexcept;

/// A connection that sends a stream of generated messages and verifies their echoes. It owns its
/// descriptor, does no waiting and reads no clock: its owner says when to read and to write, and
/// what time it is. Of a message in flight it keeps the time of sending and nothing else.
///
/// A message's time of sending is that of the send call which handed over its first byte; its
/// latency ends at the return of the receive call which brought the last byte of its echo.
class Session {
public:
    Session(std::uint64_t connection, std::uint64_t stream) noexcept;

    /// Begins to connect, from the address `source` where there is one; any attempt before is
    /// abandoned. The first attempt starts the timeout.
    [[nodiscard]] ConnectResult connect(const echod::Endpoint& peer, TimePoint now,
                                        const echod::Endpoint* source = nullptr) noexcept;

    /// The outcome of a pending connect: 0 and the session is up, or the errno.
    [[nodiscard]] int finish_connect() noexcept;

    /// Takes a connected, non-blocking stream socket, as connect() would have made it.
    void adopt(echod::UniqueFd fd) noexcept;

    /// Grants `count` messages more to be sent. The first that is `measured` begins the measured
    /// part of the stream; all that follow belong to it.
    void queue(std::uint32_t count, bool measured);

    /// Notes a message of an open loop that is due at `due`, from when its response time counts. It
    /// waits until queue() grants it; `measured` is as there.
    void wait_to_queue(TimePoint due, bool measured);

    /// Messages of an open loop that are due and not granted.
    [[nodiscard]] std::uint64_t waiting() const noexcept { return due_times_ ? due_ - queued_ : 0; }

    /// Of the measured messages granted, those that were not begun.
    [[nodiscard]] std::uint64_t measured_unbegun() const noexcept {
        return queued_ - std::min(queued_, std::max(begun(), measured_from_));
    }

    /// Gives back what was granted and not begun; how many that were.
    std::uint64_t unqueue() noexcept;

    /// Whether bytes wait to be sent.
    [[nodiscard]] bool wants_to_send() const noexcept {
        return sent_ != queued_ && state_ != State::suspect;
    }

    /// Makes the next bytes to send in `scratch` (at least kMaxMessage bytes) and returns them:
    /// whole messages, but for the rest of one that was begun.
    [[nodiscard]] std::span<const std::byte> compose(const Generator& generator,
                                                     std::span<std::byte> scratch) const noexcept;

    /// What of `composed` one send call gets: its first piece where messages are split, at most
    /// `most` messages otherwise.
    [[nodiscard]] std::span<const std::byte>
    cut(const Generator& generator, Split split, std::uint32_t most,
        std::span<const std::byte> composed) const noexcept;

    /// Hands `composed`, what compose() returned, to the kernel at the time `now`, and notes how
    /// far that went.
    [[nodiscard]] echod::IoResult send(const Generator& generator,
                                       std::span<const std::byte> composed, TimePoint now,
                                       Tally& tally);

    /// One recv(2).
    [[nodiscard]] echod::IoResult receive(std::span<std::byte> into) const noexcept {
        return echod::receive(fd_.get(), into);
    }

    /// Verifies received bytes, wherever they were split, and counts each echo that they complete.
    /// A wrong one is counted by its kind and described in `found`; of a session that is broken
    /// nothing is left but to end it. Where more bytes would tell the kind, the session is suspect
    /// and sends nothing until they come or settle() is called.
    [[nodiscard]] Health verify(const Verifier& verifier, std::span<const std::byte> bytes,
                                ReceiveTime time, Tally& tally, std::vector<Mismatch>& found);

    /// Says of a suspect session what there is to say: no more bytes are waited for.
    [[nodiscard]] Health settle(const Verifier& verifier, ReceiveTime time, Tally& tally,
                                std::vector<Mismatch>& found);

    /// The server has ended the stream: settles, and where an echo was due in part, counts it as
    /// truncated.
    void end_of_file(const Verifier& verifier, ReceiveTime time, Tally& tally,
                     std::vector<Mismatch>& found);

    /// Something is wrong, and what it is will be told by verify() or settle().
    [[nodiscard]] bool is_suspect() const noexcept { return state_ == State::suspect; }

    /// Whether no wrong echo came, nor a byte that was not owed.
    [[nodiscard]] bool all_right() const noexcept { return trouble_ == nullptr; }

    /// When the bytes came by which it became suspect; nothing where it is not. One suspicion may
    /// give way to another.
    [[nodiscard]] std::optional<TimePoint> suspect_since() const noexcept {
        return is_suspect() ? std::optional(trouble_->since) : std::nullopt;
    }

    /// Ends our half of the stream at `now`, after which the server owes the echoes of all that was
    /// sent and the end of file, and nothing else; 0 or the errno.
    [[nodiscard]] int half_close(TimePoint now) noexcept;
    [[nodiscard]] bool half_closed() const noexcept { return half_closed_; }

    /// Messages granted up to now.
    [[nodiscard]] std::uint64_t granted() const noexcept { return queued_; }

    /// Messages of an open loop given to it up to now.
    [[nodiscard]] std::uint64_t dealt() const noexcept { return due_; }

    /// Since when it has been connecting, or half-closed.
    [[nodiscard]] TimePoint began() const noexcept { return began_; }

    /// Messages granted whose echo has not come yet.
    [[nodiscard]] std::uint64_t outstanding() const noexcept { return queued_ - expected_; }

    /// Which messages they are: `connection` numbers the session, its stream's next echo is that of
    /// `first_due`, and nothing is sent from `first_unsent` on.
    [[nodiscard]] std::uint64_t connection() const noexcept { return connection_; }
    [[nodiscard]] std::uint64_t stream() const noexcept { return stream_; }
    [[nodiscard]] std::uint64_t first_due() const noexcept { return expected_; }
    [[nodiscard]] std::uint64_t first_unsent() const noexcept { return begun(); }

    /// Messages sent to their last byte, and those of them whose echo has not come yet.
    [[nodiscard]] std::uint64_t whole_sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t whole_in_flight() const noexcept {
        return sent_ - std::min(sent_, expected_);
    }

    /// Messages begun whose echo has not come yet, and how much of the oldest one's has.
    [[nodiscard]] std::uint64_t in_flight() const noexcept { return begun() - expected_; }
    [[nodiscard]] std::size_t echoed_of_oldest() const noexcept { return receive_offset_; }

    /// Echoes that came back whole.
    [[nodiscard]] std::uint64_t echoed() const noexcept { return expected_; }

    /// When the session has waited for `timeout`: to be connected, for its oldest message, or where
    /// it is half-closed and owed none, for the end of file. Nothing where it waits for nothing.
    [[nodiscard]] std::optional<TimePoint> deadline(Duration timeout) const noexcept;

    /// Closes the descriptor and counts what is unanswered.
    void end(Ending ending, TimePoint now, Duration timeout, Tally& tally) noexcept;

    /// Borrowed; -1 where there is none.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool connecting() const noexcept { return state_ == State::connecting; }
    [[nodiscard]] bool is_up() const noexcept {
        return state_ == State::up || state_ == State::suspect;
    }

private:
    enum class State : std::uint8_t { idle, connecting, up, suspect, ended };

    /// When a message was sent, and due to be: the same in the closed loop.
    struct Times {
        TimePoint sent;
        TimePoint due;
    };

    /// A message that was passed over because a later one came; it may come yet.
    struct PassedOver {
        std::uint64_t sequence;
        Times times;
        bool counted; ///< as wrong
    };

    /// What a session has that met a wrong echo.
    struct Trouble {
        std::vector<std::byte> evidence; ///< all that came from expected_'s first byte on
        TimePoint since;                 ///< when its first wrong byte came
        std::vector<PassedOver> passed_over;
    };

    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    [[nodiscard]] std::uint64_t begun() const noexcept {
        return sent_ + (send_offset_ != 0 ? 1U : 0U);
    }
    [[nodiscard]] bool connected_to_itself() const noexcept;
    void note_sent(const Generator& generator, std::size_t bytes, TimePoint now, Tally& tally);
    [[nodiscard]] Times times_of(std::uint64_t sequence) const noexcept {
        const TimePoint sent = send_times_[sequence];
        return {sent, due_times_ ? (*due_times_)[sequence] : sent};
    }
    void complete(std::uint64_t sequence, Times times, std::size_t length, ReceiveTime received,
                  Tally& tally) const noexcept;
    [[nodiscard]] std::span<const std::byte> check(const Verifier& verifier,
                                                   std::span<const std::byte> bytes,
                                                   ReceiveTime time, Tally& tally) noexcept;
    void suspect(const Generator& generator, std::span<const std::byte> bytes, TimePoint now);
    [[nodiscard]] Health resolve(const Verifier& verifier, bool final, ReceiveTime time,
                                 Tally& tally, std::vector<Mismatch>& found);
    [[nodiscard]] StreamState stream_state(const Generator& generator) const noexcept;
    [[nodiscard]] bool came_late(const Generator& generator, Finding& finding, ReceiveTime time,
                                 Tally& tally);
    void pass_over(std::uint64_t until, bool counted, Tally& tally);
    void apply(const Finding& finding, Tally& tally);
    [[nodiscard]] Mismatch describe(const Generator& generator, const Finding& finding) const;
    void count_unanswered(Ending ending, TimePoint now, Duration timeout, Tally& tally) noexcept;

    // The stream is a row of sequence numbers: expected_ <= sent_ <= queued_. Echoes are owed for
    // those before sent_, and for the first send_offset_ bytes of sent_ itself.
    std::uint64_t connection_;
    std::uint64_t stream_;
    std::uint64_t queued_ = 0;             ///< granted: those before it
    std::uint64_t sent_ = 0;               ///< the first that is not wholly sent
    std::uint64_t expected_ = 0;           ///< the next to be echoed
    std::uint64_t measured_from_ = kNever; ///< the first that is measured
    SequenceRing<TimePoint> send_times_;   ///< of [expected_, begun())
    std::unique_ptr<Trouble> trouble_;     ///< nothing where every echo was right

    // An open loop has in addition: queued_ <= due_.
    std::uint64_t due_ = 0;                              ///< those before it are due
    std::unique_ptr<SequenceRing<TimePoint>> due_times_; ///< of [expected_, due_)

    TimePoint began_; ///< to connect, or to wait for the end of file
    echod::UniqueFd fd_;
    std::uint16_t send_offset_ = 0;    ///< bytes of sent_ that are sent
    std::uint16_t receive_offset_ = 0; ///< bytes of expected_'s echo that are verified
    State state_ = State::idle;
    bool half_closed_ = false;
};

} // namespace echoload
