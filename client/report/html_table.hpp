// SPDX-License-Identifier: MIT
// Figures in the page: their titles, their values and tables of them.
#pragma once

#include "client/report/json_value.hpp"

#include <string>

namespace echoload {

/// The title of a figure by its key: "timed_out" is "timed out", "p99_9_ns" is "p99.9"; the unit
/// stands in the value.
[[nodiscard]] std::string title_of(std::string key);

/// The value as HTML: a number in <data> with its exact value and, in the unit that the key ends
/// in, as a rounded text; null is a dash.
[[nodiscard]] std::string value_html(const std::string& key, const Json& value);

/// A section of the result as one table, or as several where a field has fields of its own. What
/// is neither an object nor a list of objects is left out.
void write_section(std::string& html, const std::string& title, const Json& section);

} // namespace echoload
