// SPDX-License-Identifier: MIT
// The statistics: when a line is due, and what it contains.
#pragma once

#include "base/clock.hpp"
#include "server/log/log.hpp"
#include "server/service/manager.hpp"
#include "server/stats/counters.hpp"
#include "server/stats/server_state.hpp"
#include "server/stats/turn_histogram.hpp"

#include <cstdint>
#include <string>

namespace echod {

/// Writes one line an interval while there is something to report. Its timer runs only then, so an
/// idle server is not woken for it.
class Reporter {
public:
    /// Borrows all of them for its life.
    Reporter(Log& log, ServiceManager& service, const Counters& counters, TimePoint now);

    /// Zero: no periodic lines, and no rates in the status.
    void set_interval(Duration interval, TimePoint now) noexcept;

    /// Something happened: a line will be due an interval from now, unless one is already.
    void note_activity(TimePoint now) noexcept {
        if (due_ == kNever && interval_ != Duration::zero()) {
            start_window(now);
        }
    }

    /// True where a counter moved since the last line.
    [[nodiscard]] bool has_news() const noexcept { return !(counters_ == last_); }

    /// How long the loop was busy between two waits.
    void note_turn(Duration busy) noexcept {
        turns_.note(busy);
        if (busy > longest_turn_) {
            longest_turn_ = busy;
        }
    }

    /// When report() is due; kNever while nothing happens.
    [[nodiscard]] TimePoint due() const noexcept { return due_; }

    /// The longest turn since the start.
    [[nodiscard]] Duration longest_turn() const noexcept {
        return longest_turn_ > longest_turn_ever_ ? longest_turn_ : longest_turn_ever_;
    }

    /// All turns since the start, by length.
    [[nodiscard]] const TurnHistogram& turns() const noexcept { return turns_; }

    [[nodiscard]] TimePoint started() const noexcept { return started_; }

    /// The line of the window that ends now. Where nothing changed in it there is none, and the
    /// service manager gets the status once that there is no traffic, or that rates are off.
    void report(const Gauges& gauges, TimePoint now);

    /// The line of the window so far, even if nothing changed in it.
    void report_now(const Gauges& gauges, TimePoint now);

    /// The last line: totals since the start.
    void report_totals(const Gauges& gauges, TimePoint now);

private:
    void start_window(TimePoint now) noexcept;
    void report_quiet(const Gauges& gauges, TimePoint now);
    void write(const Gauges& gauges, TimePoint now);
    [[nodiscard]] std::vector<JournalField> fields(const Gauges& gauges, Duration window) const;

    Log& log_;
    ServiceManager& service_;
    const Counters& counters_;
    Counters last_;
    TimePoint started_;
    TimePoint window_start_;
    Duration interval_{};
    Duration longest_turn_{};      ///< in this window
    Duration longest_turn_ever_{}; ///< in those before it
    TurnHistogram turns_;
    TimePoint due_ = kNever;
    bool status_is_of_now_ = true; ///< the service manager shows no rate that is over
    bool shows_no_rates_ = false;  ///< it shows that there are none
};

} // namespace echod
