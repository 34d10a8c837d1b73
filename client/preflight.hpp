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

/// Raises the soft RLIMIT_NOFILE to the hard one if `connections` need that. Throws NotPossible
/// where they do not fit even then.
void reserve_descriptors(std::uint32_t connections);

} // namespace echoload
