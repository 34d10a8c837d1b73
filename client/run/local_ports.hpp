// SPDX-License-Identifier: MIT
// Checks that local addresses and ports are enough for the connections of a run.
#pragma once

#include "client/load/target.hpp"
#include "client/options/source.hpp"
#include "client/result/not_possible.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echoload {

/// Leaves of each target the addresses that `source` can reach. Throws NotPossible where none is
/// left.
void keep_reachable(const SourceRange& source, std::vector<Target>& targets);

/// How many ports from `first` to `last` are in the list of net.ipv4.ip_local_reserved_ports, such
/// as "8080,9000-9100".
[[nodiscard]] std::uint64_t count_reserved(const std::string& list, std::uint64_t first,
                                           std::uint64_t last);

/// Throws NotPossible where the local ports of all sources are too few for `connections`, well- and
/// misbehaving, spread over `targets`.
void check_local_ports(std::uint64_t connections, const std::optional<SourceRange>& source,
                       const std::vector<Target>& targets);

} // namespace echoload
