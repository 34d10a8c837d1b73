// SPDX-License-Identifier: MIT
// Passes the figures of a run in progress to monitoring systems.
#pragma once

#include "client/options/options.hpp"
#include "client/probe/metrics.hpp"
#include "client/probe/metrics_file.hpp"
#include "client/report/fault_log.hpp"
#include "client/result/live_interval.hpp"
#include "http/metrics_server.hpp"
#include "net/journal.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace echoload {

/// Serves the metrics over HTTP, writes them to a file and logs to the journal, as the options say:
/// once an interval, in the thread that reports on the run. The loops take no part in it. A scrape
/// gets the figures of the last complete interval from threads that share nothing with the loops.
class Probe {
public:
    /// Begins with everything at zero. `url` gets where the metrics are, or is left as it is.
    /// Throws NotPossible where the address or the file cannot be used, or journald cannot be
    /// reached.
    Probe(const Options& options, std::string& url);
    ~Probe();
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    /// Does not throw. The first failure to write the file is stored for finish(); in a run without
    /// an end it is logged.
    void on_interval(const LiveInterval& interval) noexcept;

    /// Throws the first failure to write the file.
    void finish() const;

private:
    [[nodiscard]] std::string text() const;
    void publish(std::string text);
    void update_metrics();
    void serve() noexcept;
    void note_failure() noexcept;

    RunFigures figures_;
    mutable std::mutex mutex_;
    std::string text_; ///< guarded by mutex_
    const bool forever_;
    std::optional<MetricsFile> file_;
    FaultLog metrics_log_;
    std::optional<echod::JournalSocket> journal_;
    std::unique_ptr<echod::MetricsServer> server_;
    std::thread thread_; ///< of the server
    std::exception_ptr failure_;
};

} // namespace echoload
