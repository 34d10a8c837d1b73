// SPDX-License-Identifier: MIT
// What must be so before the first connection is opened.
#pragma once

#include "client/options.hpp"
#include "client/worker.hpp"
#include "net/signal_fd.hpp"

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

/// What became of resolve_targets() in a thread of its own, which a name server may keep for long.
struct Resolution {
    std::vector<Target> targets;
    std::string failure; ///< why a name could not be resolved, or empty
    int signal = 0;      ///< that ended the wait, or 0
};

/// Resolves until that is done or one of `signals` comes. Throws BadTarget.
[[nodiscard]] Resolution resolve(const std::vector<std::string>& texts, echod::SignalFd& signals);

/// Leaves of each target the addresses that the source of connections can reach, and throws
/// NotPossible where none is left, or where the local ports of all sources are too few for the
/// connections to an address, also those that misbehave.
void check_sources(const Options& options, std::vector<Target>& targets);

/// Throws NotPossible where the memory that is free does not do for the connections.
void check_memory(const Options& options);

/// Raises the soft RLIMIT_NOFILE to the hard one if the connections and loops need that. Throws
/// NotPossible where they do not fit even then.
void reserve_descriptors(const Options& options);

} // namespace echoload
