// SPDX-License-Identifier: MIT
#include "client/probe/probe.hpp"

#include "base/start_thread.hpp"
#include "client/probe/journal_entry.hpp"
#include "client/result/not_possible.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace echoload {

namespace {

constexpr std::size_t kServerWorkers = 2;

} // namespace

Probe::Probe(const Options& options, std::string& url)
    : forever_(options.forever),
      metrics_log_(options.metrics_file.empty() ? "the metrics" : options.metrics_file) {
    figures_.started = std::chrono::system_clock::now();
    figures_.open_loop = options.pace.has_value();
    figures_.reconnects = options.reconnect;
    figures_.targets = LiveTargets(options.targets, 0).states();
    text_ = metrics_text(figures_);
    if (options.journal && !journal_.emplace().is_reachable()) {
        throw NotPossible(fmt::format("--journal: journald cannot be reached at {}",
                                      echod::JournalSocket::kPath));
    }
    if (!options.metrics_file.empty()) {
        file_.emplace(options.metrics_file, text_);
    }
    if (!options.metrics) {
        return;
    }
    try {
        server_ = std::make_unique<echod::MetricsServer>(
            echod::MetricsServer::Setup{*options.metrics,
                                        "echoload " ECHOD_VERSION ": the metrics are at /metrics\n",
                                        kServerWorkers},
            [this] { return text(); });
        url = server_->url();
        thread_ = echod::start_thread([this] { serve(); });
    } catch (const std::runtime_error& error) {
        throw NotPossible(fmt::format("--metrics: {}", error.what()));
    }
}

Probe::~Probe() {
    if (thread_.joinable()) {
        server_->stop();
        thread_.join();
    }
}

void Probe::serve() noexcept try {
    if (!server_->serve()) {
        log_during_run(fmt::format("the server of --metrics at {} ended by itself; the run "
                                   "continues without it",
                                   server_->url()));
    }
} catch (const std::exception&) { // memory is short
}

std::string Probe::text() const {
    const std::lock_guard lock(mutex_);
    return text_;
}

void Probe::publish(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
}

// An entry of the journal comes last, so that its reader finds the metrics of the same interval.
void Probe::on_interval(const LiveInterval& interval) noexcept {
    try {
        figures_.add(interval);
        update_metrics();
        metrics_log_.worked();
    } catch (const std::exception& error) {
        note_failure();
        if (forever_) {
            metrics_log_.failed(error.what());
        }
    }
    try {
        if (journal_) { // an entry that is not taken is dropped: the next one has the sums
            (void)journal_->send(journal_entry(interval, figures_));
        }
    } catch (...) {
        note_failure();
    }
}

void Probe::note_failure() noexcept {
    if (!forever_) {
        failure_ = failure_ ? failure_ : std::current_exception();
    }
}

void Probe::update_metrics() {
    if (!file_ && !server_) {
        return;
    }
    std::string text = metrics_text(figures_);
    if (server_) {
        publish(text);
    }
    if (file_) {
        file_->replace(text);
    }
}

void Probe::finish() const {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

} // namespace echoload
