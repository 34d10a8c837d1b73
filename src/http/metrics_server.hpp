// SPDX-License-Identifier: MIT
// Serves metrics over HTTP. Bounded: connections, threads, the size and the time of a request.
#pragma once

#include "base/clock.hpp"
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
    /// it. Throws std::runtime_error that names the address where it cannot listen.
    MetricsServer(const Setup& setup, std::function<std::string()> metrics);
    ~MetricsServer();
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;

    /// With the port that is in use.
    [[nodiscard]] const ListenAddress& address() const noexcept;

    /// "http://127.0.0.1:9807/metrics".
    [[nodiscard]] std::string url() const;

    /// Serves until stop(); call it once. Returns false where it ended by itself.
    [[nodiscard]] bool serve();

    /// Ends serve(), which has been called or will be. Any thread.
    void stop() noexcept;

    /// Ends connections that take too long as a whole; to be called about once a second, from one
    /// thread. Costs nothing while no connection is open. Throws std::bad_alloc.
    void end_overdue(TimePoint now);

private:
    struct Parts;
    const std::unique_ptr<Parts> parts_;
};

} // namespace echod
