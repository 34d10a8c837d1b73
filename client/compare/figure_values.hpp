// SPDX-License-Identifier: MIT
// The figures that are compared: their values in a result, and as text.
#pragma once

#include "client/measure/condition.hpp"
#include "client/report/stored_result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// The figure of a result in nanoseconds, per second or as a share; nothing where it has none.
[[nodiscard]] std::optional<double> value_of(const StoredResult& result, const Figure& figure);

/// "1.23ms", "12,345/s", "0.1%", or "-".
[[nodiscard]] std::string text_of(const Figure& figure, std::optional<double> value);

/// By how many percent `after` differs from `before`, infinity where only `before` is 0; nothing
/// where one of them is absent.
[[nodiscard]] std::optional<double> change(std::optional<double> before,
                                           std::optional<double> after);

/// "+12.3%", "from 0", or "-".
[[nodiscard]] std::string change_text(std::optional<double> percent);

/// The figures of the table, in its order.
[[nodiscard]] std::vector<Figure> table_figures();

} // namespace echoload
