// SPDX-License-Identifier: MIT
#include "http/metrics_server.hpp"

#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "base/sys_error.hpp"
#include "http/overdue_connections.hpp"
#include "http/worker_pool.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

namespace echod {

namespace {

constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

// How often connections are checked, and while the server stops.
constexpr Duration kCheck = std::chrono::seconds(1);
constexpr Duration kCheckWhileStopping = std::chrono::milliseconds(20);

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
    OverdueConnections overdue{0}; ///< of the watcher
    std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false; ///< guarded by mutex, as the next
    bool destroyed = false;
    std::thread watcher;

    void set(bool& state) noexcept {
        {
            const std::lock_guard lock(mutex);
            state = true;
        }
        changed.notify_all();
    }
    void watch() noexcept;
};

// Ends connections that take too long as a whole. While the server stops, it waits for its threads,
// so that all end, and those that were accepted last.
void MetricsServer::Parts::watch() noexcept {
    std::unique_lock lock(mutex);
    while (!destroyed) {
        const bool stops = stopping;
        changed.wait_for(lock, stops ? kCheckWhileStopping : kCheck,
                         [&] { return destroyed || stopping != stops; });
        if (connections == 0) {
            continue;
        }
        const Duration limit = stopping ? Duration::zero() : OverdueConnections::kLimit;
        lock.unlock();
        try {
            overdue.end(Clock::now(), limit);
        } catch (const std::bad_alloc&) { // the next time
        }
        lock.lock();
    }
}

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
    parts.watcher = start_thread([&parts] { parts.watch(); });
}

MetricsServer::~MetricsServer() {
    parts_->set(parts_->destroyed);
    parts_->watcher.join();
}

std::string MetricsServer::url() const {
    return fmt::format("http://{}/metrics", parts_->address.text());
}

bool MetricsServer::serve() noexcept {
    try {
        (void)parts_->server.listen_after_bind();
    } catch (const std::exception&) { // memory is short, or there can be no thread
    }
    parts_->ended = true;
    const std::lock_guard lock(parts_->mutex);
    return parts_->stopping;
}

// The library ignores a stop that comes before it runs.
void MetricsServer::stop() noexcept {
    parts_->set(parts_->stopping);
    while (!parts_->ended && !parts_->server.is_running()) {
        std::this_thread::yield();
    }
    parts_->server.stop();
}

} // namespace echod
