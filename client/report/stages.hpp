// SPDX-License-Identifier: MIT
// The stages of an open loop in the JSON, in the text and on the page.
#pragma once

#include "client/pace/pace_curve.hpp"
#include "client/report/stored_result.hpp"
#include "client/result/run_result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// The stages of a run with that pace; nothing where it has none.
[[nodiscard]] std::optional<std::vector<StoredStage>> stages_of(const Pace& pace,
                                                                const RunResult& result);

/// The stages as a table: without what only a program reads.
[[nodiscard]] Json stages_table(const std::vector<StoredStage>& stages);

/// A line for each stage; empty where there are none.
[[nodiscard]] std::string stages_text(const std::vector<StoredStage>& stages);

/// Adds the stages of another client that ran at the same time. Where these are others, they follow
/// the own ones.
void merge_stages(std::vector<StoredStage>& sum, const std::vector<StoredStage>& part);

} // namespace echoload
