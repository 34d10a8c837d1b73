// SPDX-License-Identifier: MIT
#include "client/report/figures.hpp"

#include "base/units.hpp"
#include "client/report/json_value.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

std::string percentile_name(double percent) {
    return fmt::format("p{:.15g}", percent);
}

std::string percentile_key(double percent) {
    std::string key = percentile_name(percent);
    std::replace(key.begin(), key.end(), '.', '_');
    return key + "_ns";
}

std::string duration_or_dash(std::optional<Duration> duration) {
    return duration ? echod::humanize_duration(*duration) : "-";
}

std::string seconds_or_dash(std::optional<double> seconds) {
    return seconds ? echod::humanize_duration(duration_of(*seconds)) : "-";
}

} // namespace echoload
