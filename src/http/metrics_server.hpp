// SPDX-License-Identifier: MIT
// Serves metrics over HTTP. Bounded: connections, threads, the size and the time of a request.
#pragma once

#include "net/address.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace echod {

/// Answers GET /metrics in threads of its own.
class MetricsServer {
public:
    struct Setup {
        ListenAddress address;   ///< port 0: any that is free
        std::string about;       ///< the answer to GET /
        std::size_t workers = 1; ///< threads that answer
    };

    /// Listens. `metrics` makes the text, in version 0.0.4 of Prometheus' format; any thread calls
    /// it. Throws std::runtime_error that names the address where it cannot listen, or that
    /// there can be no thread.
    MetricsServer(const Setup& setup, std::function<std::string()> metrics);
    ~MetricsServer();
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;

    /// "http://127.0.0.1:9807/metrics", with the port that is in use.
    [[nodiscard]] std::string url() const;

    /// Serves until stop(); call it once. Returns false where it ended by itself.
    [[nodiscard]] bool serve() noexcept;

    /// Ends serve(), which has been called or will be, and the connections: no client delays it.
    /// Any thread.
    void stop() noexcept;

private:
    struct Parts;
    const std::unique_ptr<Parts> parts_;
};

} // namespace echod
