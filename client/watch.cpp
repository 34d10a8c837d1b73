// SPDX-License-Identifier: MIT
#include "client/watch.hpp"

#include "base/units.hpp"
#include "client/report.hpp"

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

void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
}

// A dumb terminal cannot take a line back.
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
};

Progress progress_of(const Options& options, const RunResult& so_far) {
    const Duration done = so_far.window.value_or(Duration::zero());
    if (options.duration) {
        const Duration left = std::max(*options.duration - done, Duration::zero());
        return {std::min(1.0, std::chrono::duration<double>(done) / *options.duration), left};
    }
    const double share = std::min(1.0, static_cast<double>(so_far.tally.messages.measured) /
                                           static_cast<double>(*options.messages));
    if (share == 0) {
        return {};
    }
    const double left = static_cast<double>(done.count()) * (1 - share) / share;
    return {share, Duration(static_cast<std::int64_t>(std::min(left, 1e18)))};
}

} // namespace

std::string progress_bar(const Options& options, const RunResult& so_far, std::size_t columns) {
    std::string text;
    if (!so_far.window) {
        text = so_far.tally.connections.up + so_far.tally.connections.failed < options.connections
                   ? fmt::format("ramp-up: {} of {} connections up", so_far.tally.connections.up,
                                 options.connections)
                   : std::string("before the measured part");
    } else {
        const Progress progress = progress_of(options, so_far);
        const std::string figures = fmt::format(
            " {:3.0f}%{}", progress.share * 100,
            progress.left ? fmt::format(", {} left", echod::humanize_duration(*progress.left))
                          : "");
        const std::size_t room = columns > figures.size() + 3 ? columns - figures.size() - 3 : 0;
        const std::size_t width = std::min(kWidestBar, room);
        const auto filled = static_cast<std::size_t>(progress.share * static_cast<double>(width));
        text = width == 0
                   ? figures
                   : fmt::format("[{:=<{}}{: <{}}]{}", "", filled, "", width - filled, figures);
    }
    return text.substr(0, columns == 0 ? 0 : columns - 1); // a full line would wrap
}

Watch::Watch(const Options& options)
    : options_(options), terminal_(!options.quiet && is_terminal()), lines_(!options.quiet) {
    if (!options.timeseries.empty()) {
        series_.emplace(options.timeseries);
        series_->write(series_head(options, interval()));
    }
}

Duration Watch::interval() const noexcept {
    return options_.interval.value_or(kInterval);
}

void Watch::hear(const LiveInterval& interval) noexcept try {
    timeline_.add(interval);
    so_far_.tally.merge(interval.tally);
    so_far_.peak = std::max(so_far_.peak, interval.open);
    so_far_.elapsed = interval.at;
    so_far_.window = interval.measured;
    if (series_ && !failure_) {
        series_->write(series_line(interval));
    }
    write_line(interval);
} catch (...) {
    failure_ = failure_ ? failure_ : std::current_exception();
}

void Watch::write_line(const LiveInterval& interval) {
    // What is left at the end, of a few milliseconds maybe, would be told as a rate like the
    // others.
    if (!lines_ || interval.length < this->interval() / 2) {
        return;
    }
    std::string text = bar_shown_ ? kEraseLine : "";
    text += live_line(interval);
    bar_shown_ = terminal_;
    if (terminal_) {
        text += progress_bar(options_, so_far_, terminal_columns());
    }
    say(text); // one write, so that nothing comes between
}

void Watch::snapshot() noexcept try { write_snapshot(); } catch (...) {
    failure_ = failure_ ? failure_ : std::current_exception();
}

void Watch::write_snapshot() {
    std::string text = bar_shown_ ? kEraseLine : "";
    bar_shown_ = false;
    text += text_snapshot(options_, so_far_);
    say(text);
}

void Watch::finish() noexcept {
    if (bar_shown_) {
        say(kEraseLine);
        bar_shown_ = false;
    }
}

void Watch::rethrow_failure() const {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

} // namespace echoload
