// SPDX-License-Identifier: MIT
#include "server/config/schema.hpp"

#include <fmt/format.h>

#include <string_view>

namespace echod {

std::vector<std::string> config_keys() {
    std::vector<std::string> keys;
    const Config config;
    visit_config(config,
                 [&keys](std::string_view section, std::string_view key, const auto&, const auto&) {
                     keys.push_back(fmt::format("{}.{}", section, key));
                 });
    return keys;
}

} // namespace echod
