// SPDX-License-Identifier: MIT
#include "exporter/http.hpp"

#include "base/start_thread.hpp"
#include "http/metrics_server.hpp"
#include "net/notify.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <thread>

namespace echod {

namespace {

constexpr std::size_t kWorkers = 4;

void notify_manager(const char* text) {
    if (const char* manager = std::getenv("NOTIFY_SOCKET")) {
        (void)send_notification(manager, text);
    }
}

} // namespace

bool serve_metrics(const std::string& host, std::uint16_t port, Collector& collector,
                   const sigset_t& signals) {
    std::optional<MetricsServer> server;
    std::thread stopper;
    try {
        server.emplace(MetricsServer::Setup{{host, port},
                                            "echod-exporter " ECHOD_VERSION
                                            ": the metrics are at /metrics\n",
                                            kWorkers},
                       [&collector] { return collector.collect(); });
        stopper = start_thread([&server, &signals] {
            while (::sigwaitinfo(&signals, nullptr) < 0) { // EINTR
            }
            notify_manager("STOPPING=1");
            server->stop();
        });
    } catch (const std::runtime_error& error) {
        fmt::print(stderr, "echod-exporter: {}\n", error.what());
        return false;
    }
    fmt::print(stderr, "echod-exporter: listening on {}\n", server->url());
    notify_manager("READY=1");
    const bool was_stopped = server->serve();
    if (!was_stopped) {
        fmt::print(stderr, "echod-exporter: the server at {} ended by itself\n", server->url());
        ::kill(::getpid(), SIGTERM); // the thread still waits
    }
    stopper.join();
    return was_stopped;
}

} // namespace echod
