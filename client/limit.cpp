// SPDX-License-Identifier: MIT
#include "client/limit.hpp"

#include <fmt/format.h>

namespace echoload {

std::string_view to_string(Limit::By by) noexcept {
    switch (by) {
    case Limit::By::client:
        return "client";
    case Limit::By::server:
        return "server";
    case Limit::By::none:
        return "none";
    case Limit::By::unknown:
        break;
    }
    return "unknown";
}

Limit find_limit(const RunResult& result) {
    const auto percent = [](const ProcessUse& use) {
        return fmt::format("{:.0f} % of a processor", use.busiest_thread * 100);
    };
    if (!result.client) {
        return {Limit::By::unknown, "the run has no measured part"};
    }
    if (result.client->busiest_thread >= kBusy) {
        return {Limit::By::client, fmt::format("its busiest thread took {}: the figures say little "
                                               "of the server",
                                               percent(*result.client))};
    }
    if (!result.server) {
        return {Limit::By::unknown,
                fmt::format("not the client, whose busiest thread took {}; the server was not seen "
                            "(--server-pid, --server-unit)",
                            percent(*result.client))};
    }
    if (result.server->busiest_thread >= kBusy) {
        return {Limit::By::server,
                fmt::format("its busiest thread took {}", percent(*result.server))};
    }
    return {Limit::By::none, fmt::format("the busiest thread of the client took {}, of the server "
                                         "{}",
                                         percent(*result.client), percent(*result.server))};
}

} // namespace echoload
