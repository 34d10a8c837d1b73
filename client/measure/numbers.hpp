// SPDX-License-Identifier: MIT
// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace echoload {

/// "1,234,567".
[[nodiscard]] std::string group_digits(std::uint64_t number);

/// Three significant figures: "4.10 MB".
[[nodiscard]] std::string byte_size(std::uint64_t bytes);

/// Three significant figures: "1.23 GB/s".
[[nodiscard]] std::string byte_rate(double bytes_per_second);

/// A rate rounded to a whole number: "1,235".
[[nodiscard]] std::string whole_rate(double per_second);

} // namespace echoload
