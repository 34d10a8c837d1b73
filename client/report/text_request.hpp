// SPDX-License-Identifier: MIT
// The first two lines of the text report: what was requested of the run.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>
#include <string_view>

namespace echoload {

/// The loop, the connections and the targets; then the options that are not the default, and the
/// seed. In a merged result, "-" stands for a value that differs between its parts.
[[nodiscard]] std::string request_text(const StoredResult& result);

/// A member of an object, a text or a number, as it is written; "-" where it is null or missing.
[[nodiscard]] std::string text_or_dash(const Json& object, const char* key);

/// What a run with these options that has no wrong echo has proved.
[[nodiscard]] std::string_view what_was_right(const Json& requested);

/// "open" or "closed"; "-" where the options do not say.
[[nodiscard]] std::string loop_of(const Json& requested);

} // namespace echoload
