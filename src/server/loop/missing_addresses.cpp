// SPDX-License-Identifier: MIT
#include "server/loop/missing_addresses.hpp"

#include "base/sys_error.hpp"

#include <fmt/format.h>

#include <utility>

namespace echod {

namespace {

constexpr Duration kRetryPeriod = std::chrono::seconds(1);

} // namespace

void MissingAddresses::set(std::vector<MissingAddress> missing, Config::Listen listen,
                           TimePoint now) noexcept {
    missing_ = std::move(missing);
    listen_ = std::move(listen);
    retry_at_ = missing_.empty() ? kNever : now + kRetryPeriod;
}

std::string MissingAddresses::describe() const {
    std::string text;
    for (const MissingAddress& address : missing_) {
        text += fmt::format("{}{}: {}", text.empty() ? "not listening on " : ", ", address.name,
                            describe_errno(address.error));
    }
    return text.empty() ? text : text + "; tried again every second";
}

void MissingAddresses::warn() {
    if (!missing_.empty()) {
        log_.entry(LogLevel::warning, message_id::kMissing, {}, describe());
    }
}

bool MissingAddresses::retry(TimePoint now) {
    retry_at_ = now + kRetryPeriod; // also where memory is out
    const std::string before = describe();
    for (auto address = missing_.begin(); address != missing_.end();) {
        address = try_again(*address) ? missing_.erase(address) : address + 1;
    }
    if (missing_.empty()) {
        retry_at_ = kNever;
    }
    return describe() != before;
}

bool MissingAddresses::try_again(MissingAddress& address) {
    int error = 0;
    try {
        Listener listener = open_listener(address.address, listen_, acceptor_.listeners());
        const std::string name = listener.name;
        error = acceptor_.add(std::move(listener));
        if (error == 0) {
            log_.entry(LogLevel::info, message_id::kMissing, {},
                       fmt::format("listening on {}, which exists now", name));
            return true;
        }
    } catch (const ListenError& failure) {
        error = failure.error();
    }
    if (std::exchange(address.error, error) != error) {
        log_.entry(LogLevel::warning, message_id::kMissing, {},
                   fmt::format("not listening on {}: {}; tried again every second", address.name,
                               describe_errno(error)));
    }
    return false;
}

} // namespace echod
