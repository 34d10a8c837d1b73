// SPDX-License-Identifier: MIT
// What must be so before the first connection is opened.
#pragma once

#include "client/options.hpp"
#include "client/worker.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace echoload {

/// The run is not possible; the text says why and what to change.
class NotPossible : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A target is written wrongly.
class BadTarget : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Resolves each target. Throws BadTarget or, where a name cannot be resolved, NotPossible.
[[nodiscard]] std::vector<Target> resolve_targets(const std::vector<std::string>& texts);

/// Leaves of each target the addresses that the source of connections can reach, and throws
/// NotPossible where none is left, or where the local ports of all sources are too few for the
/// connections to a target.
void check_sources(const Options& options, std::vector<Target>& targets);

/// Throws NotPossible where the memory that is free does not do for the connections.
void check_memory(const Options& options);

/// Raises the soft RLIMIT_NOFILE to the hard one if `connections` need that. Throws NotPossible
/// where they do not fit even then.
void reserve_descriptors(std::uint32_t connections);

} // namespace echoload
