// SPDX-License-Identifier: MIT
// The runs of a search or a sweep, and the files of their result.
#pragma once

#include "client/load/target.hpp"
#include "client/options/options.hpp"
#include "client/report/capacity.hpp"
#include "client/report/output_file.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace echoload {

/// Runs one load at several points, one after the other, and writes a line on each to standard
/// error. Names are resolved once; each run has a seed of its own.
class CapacityRuns {
public:
    /// Opens the files of the result. The points are rates of an open loop, or numbers of
    /// connections. The caller sets the command and its settings in report() before the first run.
    /// Both references outlive it. Throws BadTarget, NotPossible and Interrupted.
    CapacityRuns(const Options& load, bool of_rate, Interruptions& interruptions);

    /// Runs the load at `point`. False where nothing may follow: a signal came, an echo was wrong,
    /// or the run was not possible; the verdict is then that of the run.
    [[nodiscard]] bool run(double point);

    /// The run that was made last.
    [[nodiscard]] const CapacityStep& last() const { return report_.steps.back(); }

    /// What ended the runs; nothing where all were made.
    [[nodiscard]] const std::optional<Verdict>& ended() const noexcept { return ended_; }

    /// What is to be reported, so far.
    [[nodiscard]] CapacityReport& report() noexcept { return report_; }

    /// Writes the result, whose verdict is set; returns its exit code, which also says whether all
    /// files could be written. Throws Interrupted.
    [[nodiscard]] int write();

private:
    [[nodiscard]] Options options_at(double point);
    void end(const Verdict& verdict) { ended_ = verdict; }

    const Options& load_;
    Interruptions& interruptions_;
    CapacityReport report_;
    std::vector<Target> targets_;
    OutputFile file_;
    std::optional<OutputFile> page_;
    std::mt19937_64 seeds_;
    std::optional<Verdict> ended_;
};

} // namespace echoload
