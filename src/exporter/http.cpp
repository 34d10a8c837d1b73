// SPDX-License-Identifier: MIT
#include "exporter/http.hpp"

#include "base/sys_error.hpp"
#include "exporter/overdue_connections.hpp"
#include "exporter/worker_pool.hpp"
#include "net/notify.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace echod {

namespace {

constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

// One request a connection, with short timeouts: a client that connects and sends nothing soon
// loses its thread to another one.
void set_bounds(httplib::Server& server) {
    server.new_task_queue = [] { return new WorkerPool; };
    server.set_keep_alive_max_count(1);
    server.set_read_timeout(std::chrono::seconds(2));
    server.set_write_timeout(std::chrono::seconds(2));
    server.set_payload_max_length(4096);
    // Without the library's SO_REUSEPORT, with which two exporters would share the port.
    server.set_socket_options([](auto fd) {
        const int on = 1;
        (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
}

void notify_manager(const char* text) {
    if (const char* manager = std::getenv("NOTIFY_SOCKET")) {
        (void)send_notification(manager, text);
    }
}

} // namespace

bool serve_metrics(const std::string& host, std::uint16_t port, Collector& collector,
                   const sigset_t& signals) {
    httplib::Server server;
    set_bounds(server);
    server.Get("/metrics", [&collector](const httplib::Request&, httplib::Response& response) {
        response.set_content(collector.collect(), kContentType);
    });
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
        response.set_content("echod-exporter " ECHOD_VERSION ": the metrics are at /metrics\n",
                             "text/plain");
    });
    errno = 0;
    const int bound = port == 0 ? server.bind_to_any_port(host)
                                : (server.bind_to_port(host, port) ? static_cast<int>(port) : -1);
    const bool v6 = host.find(':') != std::string::npos;
    const std::string at =
        fmt::format("{}:{}", v6 ? "[" + host + "]" : host, bound < 0 ? port : bound);
    if (bound < 0) {
        fmt::print(stderr, "echod-exporter: cannot listen on {}: {}\n", at, describe_errno(errno));
        return false;
    }
    std::thread stopper([&server, &signals, bound] {
        OverdueConnections connections(static_cast<std::uint16_t>(bound));
        constexpr timespec kCheck{1, 0};
        while (::sigtimedwait(&signals, nullptr, &kCheck) < 0) {
            connections.end(Clock::now());
        }
        notify_manager("STOPPING=1");
        server.stop();
    });
    fmt::print(stderr, "echod-exporter: listening on http://{}/metrics\n", at);
    notify_manager("READY=1");
    const bool ended_well = server.listen_after_bind();
    ::kill(::getpid(), SIGTERM); // if the library ended by itself, the thread still waits
    stopper.join();
    return ended_well;
}

} // namespace echod
