// SPDX-License-Identifier: MIT
// A reload as the service manager sees it.
#pragma once

#include "server/service/manager.hpp"

#include <string>
#include <utility>

namespace echod {

/// Notifies the service manager that a reload runs, and at the end of the scope that it is over, so
/// that no path leaves the unit in the state "reloading".
class ReloadScope {
public:
    /// Borrows `manager` for the scope.
    explicit ReloadScope(ServiceManager& manager) noexcept : manager_(manager) {
        manager_.reloading();
    }
    ~ReloadScope() { manager_.reloaded(status_); }
    ReloadScope(const ReloadScope&) = delete;
    ReloadScope& operator=(const ReloadScope&) = delete;

    /// The status to be sent at the end of the scope; without one, the old status stays.
    void set_status(std::string status) noexcept { status_ = std::move(status); }

private:
    ServiceManager& manager_;
    std::string status_;
};

} // namespace echod
