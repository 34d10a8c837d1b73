// SPDX-License-Identifier: MIT
// The groups of options of a run, in the order of the help.
#pragma once

#include "client/options/options.hpp"
#include "client/options/reader.hpp"

namespace echoload {

/// Targets, connections, and how many messages of which sizes.
void add_load_options(OptionReader& reader, Options& options);

/// Threads, and the rate of an open loop.
void add_pace_options(OptionReader& reader, Options& options);

/// The life of a connection: its source address, its end and its replacement.
void add_connection_options(OptionReader& reader, Options& options);

/// Verification of echoes, and the division of messages into send calls.
void add_verify_options(OptionReader& reader, Options& options);

/// Misbehaving connections, and what the server must do with them.
void add_abuse_options(OptionReader& reader, Options& options);

/// The result, progress and gates.
void add_report_options(OptionReader& reader, Options& options);

/// Throw std::invalid_argument if the values of several options contradict each other.
void check_pace(const Options& options);
void check_verify_options(const Options& options);
void check_abuse_options(const Options& options);
void check_report_options(const Options& options);

} // namespace echoload
