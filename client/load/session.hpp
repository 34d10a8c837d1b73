// SPDX-License-Identifier: MIT
// One connection of the load: its socket, the messages it sends, and the state of their echoes.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "client/load/echo_verifier.hpp"
#include "client/load/message_stream.hpp"
#include "client/measure/tally.hpp"
#include "client/message/payload.hpp"
#include "client/message/split.hpp"
#include "client/message/verify_rules.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace echoload {

/// How far an attempt to connect has come.
enum class ConnectState : std::uint8_t {
    up,
    pending, ///< the descriptor will be writable when finish_connect() has a result
    busy,    ///< a unix socket's backlog is full: connect() again later
    failed,
};

struct ConnectResult {
    ConnectState state = ConnectState::failed;
    int error = 0;                ///< the errno where it failed
    Phase phase = Phase::connect; ///< in which it failed
};

/// Why a session is taken down, which decides how its unanswered messages are counted.
enum class Ending : std::uint8_t {
    broken,    ///< it failed, or the server closed it: lost
    timed_out, ///< the oldest waited too long: timed out, and what is younger than that, lost
    run_over,  ///< the run ends while they are on their way: in flight
    given_up,  ///< the time of --drain after the end is over: timed out
};

/// Binds to the address `source` and leaves the port to connect(2); 0 or the errno.
[[nodiscard]] int bind_source(int fd, const echod::Endpoint& source) noexcept;

/// A connection that sends a stream of generated messages and verifies their echoes. It owns its
/// descriptor, does not wait and reads no clock: its owner decides when to read and to write, and
/// passes the time.
///
/// A message's time of sending is that of the send call which passed its first byte; its
/// latency ends at the return of the receive call which brought the last byte of its echo.
class Session {
public:
    /// Sets options of a new socket, which it borrows for the call.
    using PrepareSocket = void (*)(int fd) noexcept;

    Session(std::uint64_t connection, std::uint64_t stream) noexcept;

    /// Begins to connect, from the address `source` where there is one, after `prepare`, if not
    /// null, was called with the new descriptor; an earlier attempt is abandoned. The first attempt
    /// starts the timeout.
    [[nodiscard]] ConnectResult connect(const echod::Endpoint& peer, TimePoint now,
                                        const echod::Endpoint* source = nullptr,
                                        PrepareSocket prepare = nullptr) noexcept;

    /// The outcome of a pending connect: 0 and the session is up, or the errno.
    [[nodiscard]] int finish_connect() noexcept;

    /// Hands a pending attempt over, and continues one: the session stays connecting since the
    /// first.
    [[nodiscard]] echod::UniqueFd release_attempt() noexcept { return std::move(fd_); }
    void resume_attempt(echod::UniqueFd fd) noexcept { fd_ = std::move(fd); }

    /// Takes a connected, non-blocking stream socket, as connect() would have made it.
    void adopt(echod::UniqueFd fd) noexcept;

    /// Grants `count` messages more to be sent. The first that is `measured` begins the measured
    /// part of the stream; all that follow belong to it.
    void queue(std::uint32_t count, bool measured);

    /// The measured part begins: in a closed loop, what is unanswered now belongs to its latency.
    void carry_over() noexcept {
        if (!messages_.due_times && messages_.measured_from == MessageStream::kNever) {
            messages_.carried_from = messages_.expected;
        }
    }

    /// Notes a message of an open loop that is due at `due`, from when its response time counts. It
    /// waits until queue() grants it; `measured` is as there.
    void wait_to_queue(TimePoint due, bool measured);

    /// Messages of an open loop that are due and not granted.
    [[nodiscard]] std::uint64_t waiting() const noexcept {
        return messages_.due_times ? messages_.due - messages_.queued : 0;
    }

    /// Of the measured messages granted, those that were not begun.
    [[nodiscard]] std::uint64_t measured_unbegun() const noexcept {
        return messages_.queued -
               std::min(messages_.queued, std::max(messages_.begun(), messages_.measured_from));
    }

    /// Gives back the messages of an open loop that are due and not begun: take(due, measured) is
    /// called for each, the last first.
    template <class Take>
    void give_back_due(Take&& take) {
        for (; messages_.due_times && messages_.due != messages_.begun();) {
            --messages_.due;
            take((*messages_.due_times)[messages_.due], messages_.due >= messages_.measured_from);
        }
    }

    /// Gives back what was granted and not begun; how many that were.
    std::uint64_t unqueue() noexcept;

    /// Whether bytes wait to be sent.
    [[nodiscard]] bool wants_to_send() const noexcept {
        return messages_.sent != messages_.queued && !echoes_.is_undecided();
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

    /// Sends `composed`, which compose() returned, at the time `now`; fewer bytes may go out.
    [[nodiscard]] echod::IoResult send(const Generator& generator,
                                       std::span<const std::byte> composed, TimePoint now,
                                       Tally& tally);

    /// One recv(2).
    [[nodiscard]] echod::IoResult receive(std::span<std::byte> into) const noexcept {
        return echod::receive(fd_.get(), into);
    }

    /// Verifies received bytes, however they are split, and counts each echo that they complete. A
    /// wrong one is counted by its kind and described in `found`. A failed session has to be ended.
    /// An undecided one sends nothing until more bytes come or settle() is called.
    [[nodiscard]] VerifyState verify(const VerifyRules& rules, std::span<const std::byte> bytes,
                                     ReceiveTime time, Tally& tally, std::vector<Mismatch>& found) {
        const VerifyState state = echoes_.verify(messages_, rules, bytes, time, tally, found);
        if (!echoes_.all_right()) [[unlikely]] {
            add_addresses(found);
        }
        return state;
    }

    /// Classifies undecided bytes as they are; `ok` where there are none.
    [[nodiscard]] VerifyState settle(const VerifyRules& rules, ReceiveTime time, Tally& tally,
                                     std::vector<Mismatch>& found) {
        const VerifyState state = echoes_.settle(messages_, rules, time, tally, found);
        add_addresses(found);
        return state;
    }

    /// The server has ended the stream: settles, and counts an echo that came in part as truncated.
    void end_of_file(const VerifyRules& rules, ReceiveTime time, Tally& tally,
                     std::vector<Mismatch>& found) {
        echoes_.end_of_file(messages_, rules, time, tally, found);
        add_addresses(found);
    }

    /// A wrong byte came that is not classified yet.
    [[nodiscard]] bool is_undecided() const noexcept { return echoes_.is_undecided(); }

    /// No wrong or unexpected byte has come.
    [[nodiscard]] bool all_right() const noexcept { return echoes_.all_right(); }

    /// When the first undecided byte came; nothing where none is undecided.
    [[nodiscard]] std::optional<TimePoint> undecided_since() const noexcept {
        return echoes_.undecided_since();
    }

    /// Ends our half of the stream at `now`: the remaining echoes and the end of file are still to
    /// come. 0 or the errno.
    [[nodiscard]] int half_close(TimePoint now) noexcept;
    [[nodiscard]] bool half_closed() const noexcept { return half_closed_; }

    /// Messages granted up to now.
    [[nodiscard]] std::uint64_t granted() const noexcept { return messages_.queued; }

    /// Messages of an open loop given to it up to now.
    [[nodiscard]] std::uint64_t dispatched() const noexcept { return messages_.due; }

    /// Since when it has been connecting, or half-closed.
    [[nodiscard]] TimePoint began() const noexcept { return began_; }

    /// Messages granted whose echo has not come yet.
    [[nodiscard]] std::uint64_t outstanding() const noexcept {
        return messages_.queued - messages_.expected;
    }

    /// Which messages they are: `connection` numbers the session, its stream's next echo is that of
    /// `first_due`, and nothing is sent from `first_unsent` on.
    [[nodiscard]] std::uint64_t connection() const noexcept { return messages_.connection; }
    [[nodiscard]] std::uint64_t stream() const noexcept { return messages_.stream; }
    [[nodiscard]] std::uint64_t first_due() const noexcept { return messages_.expected; }
    [[nodiscard]] std::uint64_t first_unsent() const noexcept { return messages_.begun(); }

    /// Messages sent to their last byte, and those of them whose echo has not come yet.
    [[nodiscard]] std::uint64_t whole_sent() const noexcept { return messages_.sent; }
    [[nodiscard]] std::uint64_t whole_in_flight() const noexcept {
        return messages_.sent - std::min(messages_.sent, messages_.expected);
    }

    /// Messages begun whose echo has not come yet, and how much of the oldest one's has.
    [[nodiscard]] std::uint64_t in_flight() const noexcept { return messages_.in_flight(); }
    [[nodiscard]] std::size_t echoed_of_oldest() const noexcept { return echoes_.offset(); }

    /// The values of the latency that limits mean, and their sum.
    [[nodiscard]] std::uint64_t latencies() const noexcept { return messages_.latencies; }
    [[nodiscard]] Duration latency_sum() const noexcept { return messages_.latency_sum; }

    /// Echoes that came back whole.
    [[nodiscard]] std::uint64_t echoed() const noexcept { return messages_.expected; }

    /// When the session has waited for `timeout`: to be connected, for the echo of its oldest
    /// message, or for the end of file where it is half-closed. Nothing where it waits for nothing.
    [[nodiscard]] std::optional<TimePoint> deadline(Duration timeout) const noexcept;

    /// Closes the descriptor and counts what is unanswered.
    void end(Ending ending, TimePoint now, Duration timeout, Tally& tally) noexcept;

    /// Borrowed; -1 where there is none.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool connecting() const noexcept { return state_ == State::connecting; }
    [[nodiscard]] bool is_up() const noexcept { return state_ == State::up; }

private:
    enum class State : std::uint8_t { idle, connecting, up, ended };

    [[nodiscard]] bool connected_to_itself() const noexcept;
    void note_sent(const Generator& generator, std::size_t bytes, TimePoint now, Tally& tally);
    void add_addresses(std::vector<Mismatch>& found) const;
    void count_unanswered(Ending ending, TimePoint now, Duration timeout, Tally& tally) noexcept;

    MessageStream messages_;
    EchoVerifier echoes_;
    TimePoint began_; ///< to connect, or to wait for the end of file
    echod::UniqueFd fd_;
    State state_ = State::idle;
    bool half_closed_ = false;
};

} // namespace echoload
