// SPDX-License-Identifier: MIT
// A result as a page of HTML.
#pragma once

#include "client/report/stored_result.hpp"
#include "client/result/timeline.hpp"

#include <string>

namespace echoload {

/// One page that refers to nothing outside itself: charts, and every figure of the JSON. The course
/// of the run is left out where `timeline` is empty, as that of a result that was read.
[[nodiscard]] std::string html_report(const StoredResult& result, const Timeline& timeline);

} // namespace echoload
