// SPDX-License-Identifier: MIT
// The types of the members of those sections of a result that stay JSON.
#pragma once

#include "client/report/json_reader.hpp"

namespace echoload {

/// Throw BadResult that names the place where a member that the text or the page shows has another
/// type than a run writes. Members that are missing, null or unknown are accepted.
void check_requested(const JsonReader& asked);
void check_outages(const JsonReader& list);
void check_targets(const JsonReader& list);
void check_addresses(const JsonReader& list);
void check_fairness(const JsonReader& fairness);
void check_steadiness(const JsonReader& steadiness);
void check_process(const JsonReader& use);
void check_loops(const JsonReader& list);
void check_bottleneck(const JsonReader& limit);
void check_aborted(const JsonReader& aborted);
void check_merged(const JsonReader& list);
void check_parts(const JsonReader& parts);
void check_clock(const JsonReader& clock);
void check_start(const JsonReader& start);
void check_part(const JsonReader& part);

} // namespace echoload
