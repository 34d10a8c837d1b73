// SPDX-License-Identifier: MIT
// What is told of a run while it goes on.
#pragma once

#include "client/options.hpp"
#include "client/output_file.hpp"
#include "client/runner.hpp"
#include "client/timeline.hpp"

#include <exception>
#include <optional>
#include <string>

namespace echoload {

/// Hears of each interval: writes a line on it and keeps a progress bar below the last line, writes
/// the series, and keeps what the report and a snapshot need. Memory does not grow with the run.
class Watch {
public:
    /// Opens the series' file. Throws NotPossible. `options` outlives the watch.
    explicit Watch(const Options& options);
    ~Watch() { finish(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// How often it wants to hear.
    [[nodiscard]] Duration interval() const noexcept;

    /// Never throw: what goes wrong with a file is kept for rethrow_failure().
    void hear(const LiveInterval& interval) noexcept;
    void snapshot() noexcept;

    /// The run is over: takes the bar away.
    void finish() noexcept;

    /// Throws what went wrong before, if anything did.
    void rethrow_failure() const;

    [[nodiscard]] const Timeline& timeline() const noexcept { return timeline_; }

private:
    void write_line(const LiveInterval& interval);
    void write_snapshot();

    const Options& options_;
    const bool terminal_; ///< standard error is one on which lines can be taken back
    const bool lines_;    ///< a line an interval
    std::optional<OutputFile> series_;
    Timeline timeline_;
    RunResult so_far_; ///< of complete intervals
    bool bar_shown_ = false;
    std::exception_ptr failure_;
};

/// How far a run is, in at most `columns` characters: a bar and the time left where they are known.
[[nodiscard]] std::string progress_bar(const Options& options, const RunResult& so_far,
                                       std::size_t columns);

} // namespace echoload
