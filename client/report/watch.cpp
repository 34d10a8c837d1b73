// SPDX-License-Identifier: MIT
#include "client/report/watch.hpp"

#include "base/units.hpp"
#include "client/report/json.hpp"
#include "client/report/live_line.hpp"
#include "client/report/series.hpp"
#include "client/report/text.hpp"
#include "client/result/not_possible.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace echoload {

namespace {

constexpr Duration kInterval = std::chrono::seconds(1);
constexpr std::size_t kWidestBar = 40;
constexpr std::size_t kUsualColumns = 80;
constexpr const char* kEraseLine = "\r\033[K";

// A dumb terminal cannot erase a line.
bool is_terminal() {
    const char* const kind = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): before threads
    return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
}

std::size_t terminal_columns() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col
                                                                              : kUsualColumns;
}

struct Progress {
    double share = 0; ///< 0 to 1
    std::optional<Duration> left;
    std::optional<Duration> done; ///< of a run without an end of its own
};

Progress progress_of(const Goal& goal, const RunResult& so_far) {
    const Duration done = so_far.window.value_or(Duration::zero());
    if (goal.duration) {
        const Duration left = std::max(*goal.duration - done, Duration::zero());
        return {std::min(1.0, std::chrono::duration<double>(done) / *goal.duration), left, {}};
    }
    if (!goal.messages) {
        return {0, std::nullopt, done};
    }
    const double share = std::min(1.0, static_cast<double>(so_far.tally.messages.measured) /
                                           static_cast<double>(*goal.messages));
    if (share == 0) {
        return {};
    }
    const double left = static_cast<double>(done.count()) * (1 - share) / share;
    return {share, Duration(static_cast<std::int64_t>(std::min(left, 1e18))), {}};
}

// "[=====     ]  50%, 5.00s left"; the bar is as wide as `columns` allow, or left out.
std::string measured_bar(const Progress& progress, std::size_t columns) {
    if (progress.done) {
        return fmt::format("measured {}, until a signal", echod::humanize_duration(*progress.done));
    }
    std::string figures = fmt::format(
        " {:3.0f}%{}", progress.share * 100,
        progress.left ? fmt::format(", {} left", echod::humanize_duration(*progress.left)) : "");
    const std::size_t room = columns > figures.size() + 3 ? columns - figures.size() - 3 : 0;
    const std::size_t width = std::min(kWidestBar, room);
    if (width == 0) {
        return figures;
    }
    const auto filled = static_cast<std::size_t>(progress.share * static_cast<double>(width));
    return fmt::format("[{:=<{}}{: <{}}]{}", "", filled, "", width - filled, figures);
}

} // namespace

std::string progress_bar(const Goal& goal, const RunResult& so_far, std::size_t columns) {
    const ConnectionCounts& connections = so_far.tally.connections;
    std::string text;
    if (so_far.window) {
        text = measured_bar(progress_of(goal, so_far), columns);
    } else if (connections.up + connections.failed < goal.connections) {
        text = fmt::format("ramp-up: {} of {} connections up", connections.up, goal.connections);
    } else {
        text = "before the measured part";
    }
    return text.substr(0, columns == 0 ? 0 : columns - 1); // a full line would wrap
}

Watch::Watch(const Options& options, Interruptions& interruptions)
    : options_(options), terminal_(!options.quiet && is_terminal()), lines_(!options.quiet),
      standard_error_(STDERR_FILENO), series_log_(options.timeseries) {
    if (!options.timeseries.empty()) {
        series_.emplace(options.timeseries, interruptions,
                        options.append ? OutputFile::Kind::appended : OutputFile::Kind::followed);
        series_->append(series_head(options, interval()));
    }
}

Duration Watch::interval() const noexcept {
    return options_.interval.value_or(kInterval);
}

void Watch::on_interval(const LiveInterval& interval) noexcept try {
    timeline_.add(interval);
    so_far_.tally.merge(interval.tally);
    so_far_.peak = std::max(so_far_.peak, interval.open);
    so_far_.elapsed = interval.at;
    so_far_.window = interval.measured;
    if (series_ && (!series_fails_ || options_.forever)) {
        try_series(series_line(interval));
    }
    write_line(interval);
} catch (...) {
    failure_ = failure_ ? failure_ : std::current_exception();
}

void Watch::write_line(const LiveInterval& interval) {
    // The rest at the end may be a few milliseconds: too short for a rate of its own.
    if (!lines_ || interval.length < this->interval() / 2) {
        return;
    }
    std::string text = bar_shown_ ? kEraseLine : "";
    text += live_line(interval);
    bar_shown_ = terminal_;
    if (terminal_) {
        text += progress_bar({options_.connections, options_.duration, options_.messages}, so_far_,
                             terminal_columns());
    }
    write_or_drop(text); // one write, so that no other output comes between
}

void Watch::snapshot(std::optional<Outages> outages) noexcept try {
    so_far_.outages = std::move(outages);
    write_snapshot();
} catch (...) {
    failure_ = failure_ ? failure_ : std::current_exception();
}

void Watch::reopen() noexcept try {
    if (series_ && options_.append) {
        reopens_ = true;
        try_series("");
    }
} catch (...) {
    failure_ = failure_ ? failure_ : std::current_exception();
}

void Watch::write_series(std::string_view lines) {
    if (reopens_) {
        try {
            series_->reopen(series_head(options_, interval()));
        } catch (const NotPossible&) {
            series_->append(lines);
            throw;
        }
        reopens_ = false;
    }
    series_->append(lines);
}

// A run without an end outlives a full disk; the result of another one would be incomplete.
void Watch::try_series(std::string_view lines) {
    series_fails_ = true; // until it is written
    try {
        write_series(lines);
    } catch (const NotPossible& error) {
        if (!options_.forever) {
            throw;
        }
        series_log_.failed(error.what());
        return;
    }
    series_fails_ = false;
    series_log_.worked();
}

void Watch::write_snapshot() {
    std::string text = bar_shown_ ? kEraseLine : "";
    bar_shown_ = false;
    Verdict so_far; // of a run in progress only the gates can be judged
    so_far.gates =
        judge_gates(options_.gates, {so_far_.tally, options_.pace.has_value(), so_far_.window,
                                     so_far_.outages ? &*so_far_.outages : nullptr});
    text += text_snapshot(stored_result(options_, &so_far_, so_far));
    write_or_drop(text);
}

void Watch::write_or_drop(std::string_view text) const noexcept {
    (void)standard_error_.write_some(text);
}

void Watch::finish() noexcept {
    if (bar_shown_) {
        write_or_drop(kEraseLine);
        bar_shown_ = false;
    }
}

void Watch::finish_series() {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
    if (!series_) {
        return;
    }
    try {
        series_->finish();
    } catch (const NotPossible& error) {
        if (!options_.forever) {
            throw;
        }
        log_during_run(error.what());
    }
}

} // namespace echoload
