// SPDX-License-Identifier: MIT
#include "base/sys_error.hpp"

#include <system_error>

#include <cstring>

namespace echod {

std::string errno_name(int error) {
    const char* name = ::strerrorname_np(error);
    return name != nullptr ? std::string(name) : "errno " + std::to_string(error);
}

std::optional<int> errno_value(std::string_view name) {
    constexpr int kLargest = 4095; // MAX_ERRNO of the kernel
    for (int error = 1; error <= kLargest; ++error) {
        if (errno_name(error) == name) {
            return error;
        }
    }
    return std::nullopt;
}

std::string describe_errno(int error) {
    const char* text = ::strerrordesc_np(error);
    return errno_name(error) + " (" + (text != nullptr ? text : "unknown error") + ")";
}

void throw_errno(int error, std::string_view what) {
    throw std::system_error(error, std::system_category(), std::string(what));
}

} // namespace echod
