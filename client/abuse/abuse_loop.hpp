// SPDX-License-Identifier: MIT
// The connections that misbehave: a loop and a thread of their own, beside the load.
#pragma once

#include "client/abuse/abuse_messages.hpp"
#include "client/load/connector.hpp"
#include "client/load/session.hpp"
#include "client/options/abuse_cohorts.hpp"
#include "client/options/source.hpp"
#include "client/pace/timed_queue.hpp"
#include "client/result/abuse_result.hpp"
#include "net/epoll.hpp"
#include "net/event_fd.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace echoload {

/// Misbehaving connections are numbered from here on, where no other ones are.
inline constexpr std::uint64_t kFirstAbuser = 1'000'000'000'000;

/// What an AbuseLoop is made from.
struct AbuseSetup {
    AbuseOptions cohorts;
    std::uint64_t seed = 0;
    Duration timeout{};                ///< of opening a connection, and of an answer
    std::optional<SourceRange> source; ///< local addresses
    std::uint32_t load = 0;  ///< the load is numbered below it, and uses the first of them
    std::uint64_t first = 0; ///< the number of the first one, from kFirstAbuser on
};

/// Opens the cohorts and lets them act until it is stopped. What each mode sends is in
/// AbuseMessages; opening is done by the Connector that the load uses too.
class AbuseLoop {
public:
    /// Starts the thread. `targets` outlive it. Throws std::system_error.
    AbuseLoop(const AbuseSetup& setup, const std::vector<Target>& targets);
    ~AbuseLoop();
    AbuseLoop(const AbuseLoop&) = delete;
    AbuseLoop& operator=(const AbuseLoop&) = delete;

    /// Stops it: waits for the echoes of whole messages, at most a second; slow readers read.
    void stop();

    /// The counts of each cohort, after stop().
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
        std::uint32_t attempt = 0; ///< in mode rst: how often it was reset
        std::size_t received = 0;  ///< bytes
        TimePoint since{};         ///< connecting, then open
    };
    struct Due {
        std::uint32_t id;
        std::uint32_t attempt; ///< of the abuser then: in a later one, the entry is stale
    };

    static constexpr std::size_t kAll = ~std::size_t{0};

    void run();
    void apply_control(TimePoint now);
    void run_due(TimePoint now);
    void handle(const epoll_event& event, TimePoint now);
    [[nodiscard]] Duration time_to_sleep(TimePoint now) const noexcept;
    [[nodiscard]] bool all_answered() const noexcept;
    void finish(TimePoint now);

    void open(std::uint32_t id, TimePoint now);
    void opened(std::uint32_t id, const ConnectResult& result, TimePoint now);
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
    [[nodiscard]] Session new_session(std::uint32_t id) const noexcept;
    [[nodiscard]] VerifyRules rules(AbuseMode mode) const {
        return {messages_.generator(mode), VerifyLevel::full, true, nullptr};
    }

    const Duration timeout_;
    const std::uint64_t first_;
    const AbuseMessages messages_;
    echod::Epoll epoll_;
    echod::EventFd wake_;
    std::vector<Abuser> abusers_;
    Connector connector_;
    Duration reset_spacing_;
    TimePoint next_reset_;
    TimedQueue<Due> connect_timeouts_;
    PerAbuseMode<TimedQueue<Due>> actions_; ///< the next action of connections that act repeatedly
    std::vector<std::byte> buffer_;
    PerAbuseMode<Tally> tallies_;
    PerAbuseMode<std::vector<Duration>> open_times_;
    TimePoint end_ = TimePoint::max(); ///< the loop ends then at the latest
    std::atomic<bool> stopping_{false};
    AbuseResult result_;
    std::vector<Mismatch> mismatches_;
    std::string failure_;
    std::thread thread_; ///< the last, so that all else is there when it begins
};

} // namespace echoload
