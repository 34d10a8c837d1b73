// SPDX-License-Identifier: MIT
#include "http/metrics_server.hpp"

#include "base/sys_error.hpp"
#include "http/overdue_connections.hpp"
#include "http/worker_pool.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

namespace echod {

namespace {

constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

// One request a connection, with short timeouts: a client that connects and sends nothing soon
// loses its thread to another one.
void set_bounds(httplib::Server& server) {
    server.set_keep_alive_max_count(1);
    server.set_read_timeout(std::chrono::seconds(2));
    server.set_write_timeout(std::chrono::seconds(2));
    server.set_payload_max_length(4096);
    // Without the library's SO_REUSEPORT, with which two programs would share the port.
    server.set_socket_options([](auto fd) {
        const int on = 1;
        (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
}

} // namespace

struct MetricsServer::Parts {
    Parts(ListenAddress listen, std::function<std::string()> text)
        : address(std::move(listen)), metrics(std::move(text)) {}

    ListenAddress address;
    std::function<std::string()> metrics;
    std::atomic<std::size_t> connections{0}; ///< accepted and not closed
    std::atomic<bool> ended{false};
    httplib::Server server;
    OverdueConnections overdue{0};
};

MetricsServer::MetricsServer(const Setup& setup, std::function<std::string()> metrics)
    : parts_(new Parts(setup.address, std::move(metrics))) {
    Parts& parts = *parts_;
    set_bounds(parts.server);
    parts.server.new_task_queue = [&parts, workers = setup.workers] {
        return new WorkerPool(workers, parts.connections);
    };
    parts.server.Get("/metrics", [&parts](const httplib::Request&, httplib::Response& response) {
        response.set_content(parts.metrics(), kContentType);
    });
    parts.server.Get("/",
                     [about = setup.about](const httplib::Request&, httplib::Response& response) {
                         response.set_content(about, "text/plain");
                     });
    ListenAddress& address = parts.address;
    errno = 0;
    const int bound =
        address.port == 0
            ? parts.server.bind_to_any_port(address.host)
            : (parts.server.bind_to_port(address.host, address.port) ? address.port : -1);
    if (bound < 0) {
        throw std::runtime_error(
            fmt::format("cannot listen on {}: {}", address.text(), describe_errno(errno)));
    }
    address.port = static_cast<std::uint16_t>(bound);
    parts.overdue = OverdueConnections(address.port);
}

MetricsServer::~MetricsServer() = default;

const ListenAddress& MetricsServer::address() const noexcept {
    return parts_->address;
}

std::string MetricsServer::url() const {
    return fmt::format("http://{}/metrics", parts_->address.text());
}

bool MetricsServer::serve() {
    const bool ended_well = parts_->server.listen_after_bind();
    parts_->ended = true;
    return ended_well;
}

// The library ignores a stop that comes before it runs.
void MetricsServer::stop() noexcept {
    while (!parts_->ended && !parts_->server.is_running()) {
        std::this_thread::yield();
    }
    parts_->server.stop();
}

void MetricsServer::end_overdue(TimePoint now) {
    if (parts_->connections != 0) {
        parts_->overdue.end(now);
    }
}

} // namespace echod
