// SPDX-License-Identifier: MIT
// A handover that was requested: when to store the connections, and when to give up.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/epoll.hpp"
#include "server/service/manager.hpp"

#include <cstdint>

namespace echod {

/// Storing the connections stops the loop until the service manager has answered. Therefore the
/// manager is first asked for an answer while the loop continues to serve, and the connections are
/// stored only once it has come. If it does not come again within kStore, they stay, and the
/// manager is asked anew, until kLimit after the request.
class PendingHandover {
public:
    /// How long clients wait at most for a manager that stops answering while the connections are
    /// stored.
    static constexpr Duration kStore = std::chrono::milliseconds(150);
    /// The time from the request after which the handover has failed.
    static constexpr Duration kLimit = std::chrono::seconds(5);

    /// What is to be done now.
    enum class Step : std::uint8_t { nothing, store, give_up };

    /// Borrows both for its life; the events of `token` are to be passed to on_event().
    PendingHandover(Epoll& epoll, ServiceManager& service, std::uint64_t token) noexcept
        : epoll_(epoll), service_(service), token_(token) {}

    /// True from start() to cancel().
    [[nodiscard]] bool pending() const noexcept { return pending_; }

    /// Asks the manager. Does nothing if a handover is pending already.
    void start(TimePoint now) noexcept;

    /// The manager has answered.
    void on_event() noexcept;

    /// What is to be done at `now`; asks the manager again when that is due. After Step::store that
    /// succeeded, and after Step::give_up, cancel() is to be called; after one that failed,
    /// retry().
    [[nodiscard]] Step advance(TimePoint now) noexcept;

    /// The connections could not be stored, because the manager did not answer.
    void retry(TimePoint now) noexcept { next_at_ = now + kPause; }

    void cancel() noexcept;

    /// Why the manager cannot be asked, an errno; 0 where it only does not answer.
    [[nodiscard]] int error() const noexcept { return error_; }

    /// When advance() has something to do; kNever if no handover is pending.
    [[nodiscard]] TimePoint next_due() const noexcept;

    /// True once, when the manager has not answered for kStore.
    [[nodiscard]] bool must_report(TimePoint now) noexcept;

private:
    static constexpr Duration kPause = std::chrono::milliseconds(100);

    void ask(TimePoint now) noexcept;
    void close_answer() noexcept;

    Epoll& epoll_;
    ServiceManager& service_;
    std::uint64_t token_;
    UniqueFd answer_; ///< hangs up when the manager has answered
    bool pending_ = false;
    bool answered_ = false;
    bool reported_ = false;
    int error_ = 0;
    TimePoint report_at_{};
    TimePoint until_{};
    TimePoint next_at_ = kNever; ///< when the manager is asked again
};

} // namespace echod
