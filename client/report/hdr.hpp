// SPDX-License-Identifier: MIT
// HdrHistogram's text form of a latency, which --hdr writes.
#pragma once

#include "client/measure/histogram.hpp"

#include <string>

namespace echoload {

/// The whole file (.hgrm); values are milliseconds.
[[nodiscard]] std::string hdr_text(const Histogram& histogram);

} // namespace echoload
