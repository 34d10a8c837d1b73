// SPDX-License-Identifier: MIT
// Opens the connections of a loop, and opens them again.
#pragma once

#include "client/load/rivals.hpp"
#include "client/load/session.hpp"
#include "client/load/target.hpp"
#include "client/measure/address_use.hpp"
#include "client/options/source.hpp"
#include "client/pace/schedule.hpp"
#include "client/pace/timed_queue.hpp"
#include "net/epoll.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace echoload {

/// How long to wait before the next attempt where the backlog of a unix socket is full (EAGAIN of
/// connect(2)).
inline constexpr Duration kConnectRetry = std::chrono::milliseconds(5);

/// Decides when each connection is opened, tries the addresses of its target as RFC 8305 says (the
/// next one where one fails, or beside it where it does not answer), repeats an attempt that met a
/// full backlog, and registers the descriptor with epoll. Sessions belong to the caller, which arms
/// its timeouts and reads the clock.
///
/// An epoll token is (generation << 32 | id): each attempt has a generation of its own, so that an
/// event of a closed descriptor is recognised as stale.
class Connector {
public:
    /// `epoll` and `targets` outlive it. Connection k is opened when `schedule` says so.
    Connector(echod::Epoll& epoll, const std::vector<Target>& targets,
              std::optional<SourceRange> sources, ConnectSchedule schedule,
              std::uint32_t connections);

    /// Where connection `id` goes, before it is opened first: a number of a target, and where there
    /// is a range of source addresses, the number of one of these.
    void assign(std::uint32_t id, std::size_t target, std::uint64_t source) noexcept;

    /// Connection `id` is closed and is to be opened as another one, first at the address
    /// that answered; the source address stays or becomes the one numbered `source`.
    void replace(std::uint32_t id) noexcept;
    void replace(std::uint32_t id, std::uint64_t source) noexcept;

    /// Lets open_due() open the replacement as soon as there is a place for it.
    void queue_replacement(std::uint32_t id) { replacements_.push_back(id); }

    /// Calls open(id) for each connection that is to be opened at `now`, a bounded number a call.
    template <class Open>
    void open_due(TimePoint now, Open&& open) {
        while (const auto race = races_.take(now)) {
            if (begin_race(*race)) {
                open(race->id);
            }
        }
        while (const auto retry = retries_.take(now)) {
            if (attempts_[retry->id].connecting && is_current(retry->id, retry->generation)) {
                open(retry->id);
            }
        }
        while (!replacements_.empty() && schedule_.take_again(replacements_.front(), now)) {
            const std::uint32_t id = replacements_.front();
            replacements_.pop_front();
            open(id);
        }
        for (int i = 0; i < kOpensPerTurn; ++i) {
            const auto id = schedule_.take(now);
            if (!id) {
                return;
            }
            open(*id);
        }
    }

    /// Begins to connect at `now`, or continues with a new attempt. `prepare`, if not null, is
    /// called with the descriptor before connect(2). `pending` and `busy` mean that it continues;
    /// `failed`, that no address is left.
    [[nodiscard]] ConnectResult open(std::uint32_t id, Session& session, TimePoint now,
                                     Session::PrepareSocket prepare = nullptr);

    /// The outcome of a pending attempt whose descriptor has an event: as of open(), since the next
    /// address may be tried.
    [[nodiscard]] ConnectResult finish(std::uint32_t id, Session& session, TimePoint now,
                                       Session::PrepareSocket prepare = nullptr);

    /// For an event of an attempt that is not the current one: makes it the current one where it is
    /// that of another address of connection `id`, so that finish() can be called. False for a
    /// closed descriptor.
    [[nodiscard]] bool resume(std::uint32_t id, std::uint64_t generation, Session& session);

    /// Gives up connection `id`, which is connecting: its time is over.
    void fail(std::uint32_t id);

    /// Gives up connection `id`, which is connecting, because the run ends: it neither succeeded
    /// nor failed.
    void cancel(std::uint32_t id);

    /// No connection is opened for the first time any more.
    void stop() noexcept { schedule_.stop(); }

    /// Drops the attempts that are to be repeated and the replacements that are to be opened.
    void drop_queued() noexcept;

    /// Connection `id` no longer holds a place of the schedule (ConnectSchedule::settled).
    void settled(std::uint32_t id) noexcept { schedule_.settled(id); }

    /// Nothing is connecting or to be opened.
    [[nodiscard]] bool idle() const noexcept {
        return schedule_.finished() && connecting_ == 0 && replacements_.empty();
    }

    /// Connections whose first opening has neither succeeded nor failed.
    [[nodiscard]] std::uint32_t not_tried() const noexcept { return not_tried_; }

    /// When open_due() may have work next; TimePoint::max() where only an event brings it.
    [[nodiscard]] TimePoint next() const noexcept;

    /// The number of the current attempt, counted from 1.
    [[nodiscard]] std::uint32_t generation(std::uint32_t id) const noexcept {
        return attempts_[id].generation;
    }
    [[nodiscard]] bool is_current(std::uint32_t id, std::uint64_t generation) const noexcept {
        return attempts_[id].generation == generation;
    }

    /// Counts messages that connection `id` has carried for its address.
    void count_echoed(std::uint32_t id, std::uint64_t messages) noexcept {
        use_of(attempts_[id], attempts_[id].address).echoed += messages;
    }

    /// The addresses of all targets are numbered in their order: how many there are, and which one
    /// connection `id` has or tries.
    [[nodiscard]] std::size_t places() const noexcept { return uses_.size(); }
    [[nodiscard]] std::uint16_t place_of(std::uint32_t id) const noexcept {
        const Attempt& attempt = attempts_[id];
        return static_cast<std::uint16_t>(first_use_[attempt.target] + attempt.address);
    }

    /// The number of connection `id`'s target.
    [[nodiscard]] std::size_t target_of(std::uint32_t id) const noexcept {
        return attempts_[id].target;
    }

    /// What became of each address; call it once.
    [[nodiscard]] std::vector<AddressUse> take_uses() { return std::move(uses_); }

    /// Connection `id` replaces another one.
    [[nodiscard]] bool is_replacement(std::uint32_t id) const noexcept {
        return attempts_[id].replaces;
    }

private:
    static constexpr int kOpensPerTurn = 128;

    struct Attempt {
        std::uint64_t source = 0;
        std::uint32_t generation = 0;
        std::uint16_t target = 0;
        std::uint32_t newest = 0;  ///< the generation of the last attempt
        std::uint16_t address = 0; ///< of the target's, the one being tried
        std::uint16_t first = 0;   ///< of the target's, the one that is tried first
        std::uint16_t tried = 1;   ///< how many of the target's were tried
        bool connecting = false;
        bool replaces = false;
        bool races = false; ///< the next address is to be tried beside the current one
    };
    struct Retry {
        std::uint32_t id;
        std::uint32_t generation;
    };

    [[nodiscard]] ConnectResult try_address(std::uint32_t id, Session& session, TimePoint now,
                                            Session::PrepareSocket prepare);
    [[nodiscard]] ConnectResult try_addresses(std::uint32_t id, Session& session, TimePoint now,
                                              Session::PrepareSocket prepare);
    [[nodiscard]] bool next_address(Attempt& attempt) const noexcept;
    [[nodiscard]] bool begin_race(const Retry& race) noexcept;
    [[nodiscard]] bool resume_another(std::uint32_t id, Session& session);
    void note_up(std::uint32_t id, TimePoint now);
    void give_up(std::uint32_t id);
    void settle(std::uint32_t id) noexcept;
    [[nodiscard]] AddressUse& use_of(const Attempt& attempt, std::uint16_t address) noexcept {
        return uses_[first_use_[attempt.target] + address];
    }

    echod::Epoll& epoll_;
    const std::vector<Target>& targets_;
    const std::optional<SourceRange> sources_;
    ConnectSchedule schedule_;
    std::vector<Attempt> attempts_;
    std::vector<AddressUse> uses_;       ///< of each address of each target
    std::vector<std::size_t> first_use_; ///< of each target, its first in uses_
    Rivals rivals_;
    TimedQueue<Retry> races_;                ///< attempts that may get a rival
    TimedQueue<Retry> retries_;              ///< attempts that met a full backlog
    std::deque<std::uint32_t> replacements_; ///< to be opened
    std::uint32_t connecting_ = 0;
    std::uint32_t not_tried_;
};

} // namespace echoload
