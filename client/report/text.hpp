// SPDX-License-Identifier: MIT
// A result as text: of a run that has just ended, or read from a file. Both have the same text,
// because nothing else than the stored form of the result is shown.
#pragma once

#include "client/report/stored_result.hpp"

#include <string>

namespace echoload {

/// The whole result.
[[nodiscard]] std::string text_report(const StoredResult& result);

/// Only what is wrong: errors, wrong echoes and the verdict. Empty where the verdict is ok.
[[nodiscard]] std::string text_failures(const StoredResult& result);

/// The result of a run in progress, up to its last complete interval. It has no verdict.
[[nodiscard]] std::string text_snapshot(const StoredResult& so_far);

} // namespace echoload
