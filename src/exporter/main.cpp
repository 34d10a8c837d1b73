// SPDX-License-Identifier: MIT
// echod-exporter: the metrics of all instances of echod over HTTP, for Prometheus. A process of its
// own, so that the daemon speaks no HTTP and a fault here costs no connection.
#include "exporter/collector.hpp"
#include "exporter/http.hpp"
#include "exporter/options.hpp"
#include "net/signal_fd.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <span>

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int run(const echod::ExporterOptions& options) {
    switch (options.action) {
    case echod::ExporterOptions::Action::help:
        fmt::print("{}", echod::exporter_help());
        return std::fflush(stdout) == 0 ? 0 : kExitFailure;
    case echod::ExporterOptions::Action::version:
        fmt::print("echod-exporter {}\n", ECHOD_VERSION);
        return std::fflush(stdout) == 0 ? 0 : kExitFailure;
    case echod::ExporterOptions::Action::serve:
        break;
    }
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    (void)echod::block_signals({SIGTERM, SIGINT}); // in every thread; one waits for them
    echod::Collector collector(options.runtime, options.expected);
    return echod::serve_metrics(options.host, options.port, collector, signals) ? 0 : kExitFailure;
}

} // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what the reports below might throw ends the process.
int main(int argc, char** argv) {
    try {
        return run(echod::parse_exporter_options(
            std::span<const char* const>(argv, static_cast<std::size_t>(argc))
                .subspan(argc > 0 ? 1 : 0)));
    } catch (const echod::ExporterUsageError& error) {
        fmt::print(stderr, "echod-exporter: {}; see echod-exporter --help\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        fmt::print(stderr, "echod-exporter: {}\n", error.what());
        return kExitFailure;
    }
}
