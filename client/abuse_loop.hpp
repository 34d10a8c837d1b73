// SPDX-License-Identifier: MIT
// The connections that misbehave: a loop and a thread of their own, beside the load.
#pragma once

#include "client/abuse.hpp"
#include "client/options.hpp"
#include "client/session.hpp"
#include "client/worker.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace echoload {

/// Misbehaving connections are numbered from here on, where no other ones are.
inline constexpr std::uint64_t kFirstAbuser = 1'000'000'000'000;

/// Opens the cohorts and keeps them at it until it is stopped.
class AbuseLoop {
public:
    /// Starts the thread. `targets` outlive it. Throws std::system_error.
    AbuseLoop(const Options& asked, const std::vector<Target>& targets);
    ~AbuseLoop();
    AbuseLoop(const AbuseLoop&) = delete;
    AbuseLoop& operator=(const AbuseLoop&) = delete;

    /// Ends it: what was sent whole is waited for, a second at most, and slow readers read.
    void stop();

    /// What became of the cohorts, once stopped.
    [[nodiscard]] const AbuseResult& result() const noexcept { return result_; }
    [[nodiscard]] const std::vector<Mismatch>& mismatches() const noexcept { return mismatches_; }

    /// Why the loop ended before it was stopped, or empty.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    enum class Phase : std::uint8_t { waiting, connecting, open, over };

    struct Abuser {
        Session session;
        AbuseMode mode;
        Phase phase = Phase::waiting;
        std::uint16_t target = 0;
        std::uint16_t address = 0;
        std::uint32_t generation = 0; ///< of its descriptor: a stale event is of an older one
        std::uint32_t attempt = 0;    ///< in mode rst: how often it was reset
        std::size_t received = 0;     ///< bytes
        TimePoint since{};            ///< connecting, then open
    };
    struct Due {
        std::uint32_t id;
        std::uint32_t attempt; ///< of the abuser, then: it is of no interest in a later one
        TimePoint when;
    };

    static constexpr std::size_t kAll = ~std::size_t{0};

    void run();
    void obey(TimePoint now);
    void open_due(TimePoint now);
    void tick(TimePoint now);
    void handle(const epoll_event& event, TimePoint now);
    [[nodiscard]] Duration time_to_sleep(TimePoint now) const noexcept;
    [[nodiscard]] bool all_answered() const noexcept;
    void finish(TimePoint now);

    void open(std::uint32_t id, TimePoint now);
    void connect_failed(std::uint32_t id, TimePoint now);
    void established(std::uint32_t id, TimePoint now);
    void act(std::uint32_t id, TimePoint now);
    void fill(std::uint32_t id, TimePoint now);
    [[nodiscard]] bool send_part(std::uint32_t id, std::size_t most, TimePoint now);
    void receive(std::uint32_t id, std::size_t most, TimePoint now);
    [[nodiscard]] bool take_bytes(Abuser& abuser, std::span<const std::byte> bytes, TimePoint now);
    void closed_by_server(std::uint32_t id, bool by_reset, TimePoint now);
    void close(std::uint32_t id, TimePoint now);

    [[nodiscard]] static std::size_t index(AbuseMode mode) noexcept {
        return static_cast<std::size_t>(mode);
    }
    [[nodiscard]] AbuseCounts& counts(const Abuser& abuser) noexcept {
        return result_[index(abuser.mode)];
    }
    [[nodiscard]] std::deque<Due>& due(const Abuser& abuser) noexcept {
        return due_[index(abuser.mode)];
    }
    [[nodiscard]] Session new_session(std::uint32_t id) const noexcept;
    [[nodiscard]] Message first_message(const Abuser& abuser) const noexcept {
        return generators_[index(abuser.mode)].message(abuser.session.stream(), 0);
    }

    const Duration timeout_;
    const std::optional<SourceRange> source_; ///< where connections come from
    const std::uint64_t first_source_;        ///< behind those of the load
    const std::vector<Target>& targets_;
    PerAbuseMode<Generator> generators_; ///< each mode has a size of message of its own
    echod::Epoll epoll_;
    echod::EventFd wake_;
    std::vector<Abuser> abusers_;
    std::size_t opened_ = 0; ///< of abusers_, at least once
    TimePoint start_ = echod::Clock::now();
    Duration reset_spacing_;
    TimePoint next_reset_;
    std::deque<Due> connecting_;        ///< in order of time, as the others
    std::deque<Due> retries_;           ///< connects that met a full backlog
    PerAbuseMode<std::deque<Due>> due_; ///< the next turn of those that act now and then
    std::vector<std::byte> buffer_;
    PerAbuseMode<Tally> tallies_;
    PerAbuseMode<std::vector<Duration>> open_times_;
    TimePoint end_ = TimePoint::max(); ///< nothing is waited for from then on
    std::atomic<bool> stopping_{false};
    AbuseResult result_;
    std::vector<Mismatch> mismatches_;
    std::string failure_;
    std::thread thread_; ///< the last, so that all else is there when it begins
};

} // namespace echoload
