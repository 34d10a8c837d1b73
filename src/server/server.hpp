// SPDX-License-Identifier: MIT
// The loop: one thread, one epoll instance, everything the daemon does.
#pragma once

#include "net/epoll.hpp"
#include "net/signal_fd.hpp"
#include "net/timer_fd.hpp"
#include "server/clients.hpp"
#include "server/config.hpp"
#include "server/control.hpp"
#include "server/counters.hpp"
#include "server/listener.hpp"
#include "server/log.hpp"
#include "server/reporter.hpp"
#include "server/service.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <array>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace echod {

/// Lets a message through at most once in a while, and counts what it held back.
class RateLimit {
public:
    /// How many were held back since the last one that may be said, or nothing: hold this back too.
    /// `times`: how often it happened.
    [[nodiscard]] std::optional<std::uint64_t> allow(TimePoint now,
                                                     std::uint64_t times = 1) noexcept;

private:
    static constexpr Duration kPause = std::chrono::seconds(10);
    std::optional<TimePoint> next_;
    std::uint64_t held_back_ = 0;
};

class Server {
public:
    /// What it reacts to; to be blocked before anything else is done.
    static constexpr std::initializer_list<int> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1,
                                                            SIGUSR2};

    /// Reads the configuration again; throws ConfigError.
    using LoadConfig = std::function<Config()>;

    /// Watches signals and listeners from here on. Borrows `log` for its life. Throws
    /// std::system_error.
    Server(const Config& config, LoadConfig load_config, std::vector<Listener> listeners, Log& log);

    /// Answers askers at `path` from here on. Throws std::system_error that names the path.
    void open_control(const std::string& path) { control_.open(path); }

    /// Takes over the connections of the process before. Those that cannot be are closed, and said.
    void take_over(Inheritance inheritance);

    /// Has the service manager forget what the process before left there: it is taken over.
    void empty_store() noexcept { service_.empty_store(); }

    /// Serves until SIGTERM or SIGINT and the drain after it, or until SIGUSR2 has handed the
    /// connections over to the next process, or has drained where that failed: the next process is
    /// wanted all the same. Throws std::system_error where epoll_wait(2) fails, which only a bug
    /// can cause.
    enum class Ended : std::uint8_t { stopped, handed_over, drained_for_the_next };
    [[nodiscard]] Ended run();

private:
    enum class Phase : std::uint8_t { serving, draining, stopped, handed_over };

    void turn();
    [[nodiscard]] bool must_not_sleep() const noexcept;
    [[nodiscard]] int wait() noexcept;
    [[nodiscard]] TimePoint next_due() const noexcept;
    void run_clocks();
    void dispatch(std::uint64_t token, std::uint32_t events);
    void on_signal(int signal);
    void apply(Config config, TimePoint now) noexcept;
    [[nodiscard]] ControlAnswer reload();
    [[nodiscard]] ControlAnswer answer(std::string_view command);
    [[nodiscard]] ServerState state();
    void feed_watchdog();
    void start_drain();
    void hand_over();
    void finish_drain(TimePoint now);
    void tell_incidents(TimePoint now);
    void tell_full(TimePoint now);
    void tell_fault(const Fault& fault);
    [[nodiscard]] bool sockets_are_passed() const noexcept;
    [[nodiscard]] std::uint64_t reserved_descriptors() const noexcept;
    [[nodiscard]] std::uint32_t room_for_connections() const noexcept;
    void warn_if_descriptors_lack();
    [[nodiscard]] Gauges gauges() const noexcept;

    Config config_;
    LoadConfig load_config_;
    Log& log_;
    Counters counters_;
    ServiceManager service_;
    SignalFd signals_;
    Epoll epoll_;
    TimerFd alarm_; ///< wakes the loop at due_at_ or before
    Clients clients_;
    Acceptor acceptor_;
    Reporter reporter_;
    ControlSocket control_;
    Phase phase_ = Phase::serving;
    TimePoint now_;                      ///< the start of this turn
    TimePoint due_at_ = TimerFd::kNever; ///< when run_clocks() has something to do next
    TimePoint drain_deadline_{};
    bool next_is_wanted_ = false; ///< the drain stands in for a hand-over that failed
    std::optional<Duration> watchdog_;
    TimePoint fed_; ///< when the watchdog was fed last
    std::vector<ConnectionSummary> busiest_;
    std::vector<ConnectionSummary> oldest_;
    std::optional<TimePoint> listed_at_; ///< when the two lists were made
    RateLimit full_limit_;
    RateLimit per_ip_limit_;
    RateLimit exhausted_limit_;
    bool was_full_ = false;
    std::uint64_t told_turned_away_ = 0; ///< rejected and evicted
    std::uint64_t told_per_ip_ = 0;
    std::uint64_t told_accept_errors_ = 0;
    std::array<epoll_event, 256> events_{};
};

} // namespace echod
