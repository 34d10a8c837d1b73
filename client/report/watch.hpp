// SPDX-License-Identifier: MIT
// Reports on a run in progress.
#pragma once

#include "client/options/options.hpp"
#include "client/report/fault_log.hpp"
#include "client/report/output_file.hpp"
#include "client/result/live_interval.hpp"
#include "client/result/run_result.hpp"
#include "client/result/timeline.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace echoload {

/// The receiver of a run's intervals: writes a line on each with a progress bar below it, writes
/// the series, and sums up what the page and a snapshot need. Memory does not grow with the run.
class Watch {
public:
    /// Opens the series' file. Throws NotPossible, or Interrupted. Both outlive the watch.
    Watch(const Options& options, Interruptions& interruptions);
    ~Watch() { finish(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// The length of an interval.
    [[nodiscard]] Duration interval() const noexcept;

    /// Do not throw and do not wait: a line that standard error does not take is dropped. The first
    /// failure to write the series ends it and is stored for finish_series(); in a run without an
    /// end it is logged, and tried again.
    void on_interval(const LiveInterval& interval) noexcept;
    void snapshot(std::optional<Outages> outages) noexcept;

    /// Opens the file of an appended series again, which may have been renamed. Where that fails,
    /// or writing had failed, the series continues from the next time on.
    void reopen() noexcept;

    /// The run is over: erases the bar.
    void finish() noexcept;

    /// Writes the rest of the series, waiting for its reader. Throws the first failure to write, or
    /// Interrupted.
    void finish_series();

    [[nodiscard]] const Timeline& timeline() const noexcept { return timeline_; }

private:
    void write_line(const LiveInterval& interval);
    void write_series(std::string_view lines);
    void try_series(std::string_view lines);
    void write_snapshot();
    void write_or_drop(std::string_view text) const noexcept;

    const Options& options_;
    const bool terminal_; ///< standard error is one that can erase a line
    const bool lines_;    ///< write a line an interval
    OutputStream standard_error_;
    std::optional<OutputFile> series_;
    bool series_fails_ = false;
    bool reopens_ = false; ///< the series, as soon as that works
    FaultLog series_log_;
    Timeline timeline_;
    RunResult so_far_; ///< of complete intervals
    bool bar_shown_ = false;
    std::exception_ptr failure_;
};

/// The end that a run works towards: `duration`, `messages`, or neither until a signal.
struct Goal {
    std::uint64_t connections = 0;
    std::optional<Duration> duration; ///< of the measured part
    std::optional<std::uint64_t> messages;
};

/// How far a run is, in fewer than `columns` characters: a bar and the time left where they are
/// known.
[[nodiscard]] std::string progress_bar(const Goal& goal, const RunResult& so_far,
                                       std::size_t columns);

} // namespace echoload
