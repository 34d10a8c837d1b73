// SPDX-License-Identifier: MIT
// The command show: a result that was read from a file, in every form that a run writes.
#pragma once

#include "client/options/compare_options.hpp"

#include <string>

namespace echoload {

/// The forms that were requested; the others are empty.
struct ShownResult {
    std::string result; ///< text, or JSON
    std::string hdr;    ///< as hdr_text()
    std::string page;   ///< as html_report()
};

/// The results in their order; where there are several, each with the name of its file. Throws
/// BadResult.
[[nodiscard]] ShownResult show_results(const ShowOptions& options);

} // namespace echoload
