// SPDX-License-Identifier: MIT
// The loop: one thread, one epoll instance, the order of an iteration, and the phases of the
// daemon.
#pragma once

#include "net/epoll.hpp"
#include "net/signal_fd.hpp"
#include "net/timer_fd.hpp"
#include "server/clients/clients.hpp"
#include "server/config/config.hpp"
#include "server/config/reader.hpp"
#include "server/control/control_socket.hpp"
#include "server/handover/handover_fds.hpp"
#include "server/listener/acceptor.hpp"
#include "server/listener/listener.hpp"
#include "server/log/log.hpp"
#include "server/loop/busy_poll.hpp"
#include "server/loop/commands.hpp"
#include "server/loop/pending_handover.hpp"
#include "server/loop/processors.hpp"
#include "server/loop/reporter.hpp"
#include "server/loop/settings.hpp"
#include "server/loop/warnings.hpp"
#include "server/loop/watchdog.hpp"
#include "server/service/manager.hpp"
#include "server/stats/counters.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <array>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace echod {

class Server {
public:
    /// The signals that it handles; to be blocked before anything else is done.
    static constexpr std::initializer_list<int> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1,
                                                            SIGUSR2};

    /// Registers signals and listeners with epoll. Borrows `log` for its life. Throws
    /// std::system_error.
    Server(const Config& config, LoadConfig load_config, std::vector<Listener> listeners, Log& log);

    /// Answers control clients at `path` from here on. Throws std::runtime_error that names the
    /// path.
    void open_control(const std::string& path) { control_.open(path); }

    /// Shows the state to every user who connects at `path`, from here on. Throws
    /// std::runtime_error that names the path.
    void open_stats(const std::string& path) {
        stats_.open(path, kStatsSocketName, ControlSocket::Access::everyone);
    }

    /// Restores the connections of the old process. Those that cannot be restored are closed and
    /// logged.
    void restore(HandoverFds handover_fds);

    /// Accepts what waits in the backlogs of sockets that are not served any more, up to the limit.
    void accept_waiting(const std::vector<Listener>& old) noexcept {
        for (const Listener& listener : old) {
            acceptor_.retire(listener.fd.get(), now_);
        }
    }

    /// Removes what the old process left in the service manager's store; `passed_names`: see
    /// PassedDescriptors. Throws std::bad_alloc.
    void clear_store(const std::vector<std::string>& passed_names) {
        service_.add_stored_names(passed_names);
        service_.clear_store();
    }

    /// See Settings::note_start().
    void note_start(const std::vector<std::string>& refused, std::vector<MissingAddress> missing) {
        settings_.note_start(refused, std::move(missing), now_);
    }

    /// How run() ended: after SIGTERM or SIGINT and the drain; after SIGUSR2 and the handover;
    /// after SIGUSR2 and a drain, because the handover failed (the new process is to be started all
    /// the same).
    enum class Ended : std::uint8_t { stopped, handed_over, drained_for_restart };

    /// Serves until it ends in one of these ways. Throws std::system_error where epoll_wait(2)
    /// fails, which only a bug can cause.
    [[nodiscard]] Ended run();

private:
    enum class Phase : std::uint8_t { serving, draining, stopped, handed_over };

    void announce_ready();
    void iterate();
    [[nodiscard]] bool must_not_sleep() const noexcept;
    [[nodiscard]] int wait() noexcept;
    [[nodiscard, gnu::noinline]] int poll_and_wait() noexcept;
    void check_throttling() noexcept;
    void serve_and_accept();
    void log_warnings();
    void run_deadlines();
    [[nodiscard]] TimePoint next_due() const noexcept;
    void dispatch(std::uint64_t token, std::uint32_t events);
    void handle_signal();
    void on_signal(int signal);
    void on_stop_signal();
    void start_handover();
    void advance_handover();
    [[nodiscard]] bool store();
    void fail_handover(const std::string& why);
    void start_drain();
    void finish_drain();
    [[nodiscard]] bool serving() const noexcept { return phase_ == Phase::serving; }
    [[nodiscard]] ConfiguredParts parts() noexcept {
        return {clients_, acceptor_, reporter_, busy_poll_, service_, log_, notices_};
    }

    Log& log_;
    Counters counters_;
    Notices notices_;
    ServiceManager service_;
    SignalFd signals_;
    Epoll epoll_;
    TimerFd timer_;             ///< wakes the loop at due_at_ or before
    TimePoint now_;             ///< the start of this iteration
    TimePoint idle_since_;      ///< the end of the last iteration
    bool was_active_ = true;    ///< the last iteration had an event besides the timer
    TimePoint due_at_ = kNever; ///< when run_deadlines() has something to do next
    Clients clients_;
    Acceptor acceptor_;
    Reporter reporter_;
    BusyPoll busy_poll_;
    Processors processors_;
    Settings settings_;
    Commands commands_;
    ControlSocket control_;
    ControlSocket stats_; ///< the statistics socket
    Warnings warnings_;
    Watchdog watchdog_;
    PendingHandover handover_;
    Phase phase_ = Phase::serving;
    TimePoint drain_deadline_{};
    bool signal_pending_ = false;
    bool restart_pending_ = false; ///< it drains because a handover failed
    std::array<epoll_event, 256> events_{};
};

} // namespace echod
