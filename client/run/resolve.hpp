// SPDX-License-Identifier: MIT
// Resolves the names of targets.
#pragma once

#include "client/load/target.hpp"
#include "client/result/not_possible.hpp"
#include "net/signal_fd.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace echoload {

/// The text of a target is malformed.
class BadTarget : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Resolves each target; families alternate in its addresses (RFC 8305, 4). Throws BadTarget or,
/// where a name cannot be resolved, NotPossible.
[[nodiscard]] std::vector<Target> resolve_targets(const std::vector<std::string>& texts);

/// Makes each address of each target a target of its own, so that connections go to them in turn.
void spread_over_addresses(std::vector<Target>& targets);

/// The outcome of resolve(): targets, or a failure, or a signal.
struct Resolution {
    std::vector<Target> targets;
    std::string failure; ///< why a name could not be resolved, or empty
    int signal = 0;      ///< that ended the wait, or 0
};

/// Resolves in a thread of its own, since a name server may take long, until that is done or one of
/// `signals` comes. Throws BadTarget.
[[nodiscard]] Resolution resolve(const std::vector<std::string>& texts, echod::SignalFd& signals);

} // namespace echoload
