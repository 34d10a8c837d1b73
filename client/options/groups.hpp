// SPDX-License-Identifier: MIT
// The groups of options of a run, in the order of the help.
#pragma once

#include "client/options/options.hpp"
#include "client/options/reader.hpp"

namespace echoload {

/// How a command changes the options of a run.
struct RunOptionRules {
    bool sets_rate = false;             ///< it chooses the rate itself
    const char* rates = nullptr;        ///< the option that sets several rates, if it has one
    OptionReader::Read connections{};   ///< reads --connections, which may be several
    const char* connections_type = "N"; ///< and their placeholder
    bool is_series = false;             ///< several runs, of which each has an end
    const char* duration = "10s";       ///< the default, as the help shows it
    const char* warmup = "0s";          ///< likewise
};

/// Targets, connections, and how many messages of which sizes.
void add_load_options(OptionReader& reader, Options& options, const RunOptionRules& rules = {});

/// Threads, and the rate of an open loop.
void add_pace_options(OptionReader& reader, Options& options, const RunOptionRules& rules = {});

/// The life of a connection: its source address, its end and its replacement.
void add_connection_options(OptionReader& reader, Options& options);

/// Verification of echoes, and the division of messages into send calls.
void add_verify_options(OptionReader& reader, Options& options);

/// Misbehaving connections, and what the server must do with them.
void add_abuse_options(OptionReader& reader, Options& options);

/// All of these, each group with its title: what a run does.
void add_run_options(OptionReader& reader, Options& options, const RunOptionRules& rules = {});

/// Parses --connections.
[[nodiscard]] std::uint32_t connections_in(const std::string& text);

/// The highest number of connections.
inline constexpr std::uint64_t kMaxConnections = 1'000'000;

/// The highest rate of an open loop, in messages a second.
inline constexpr std::uint64_t kMaxRate = 100'000'000;

/// What makes the runs of several machines one.
void add_machine_options(OptionReader& reader, Options& options);

/// Metrics, the journal and a series that is rotated, of a run that is watched.
void add_probe_options(OptionReader& reader, Options& options);

/// The files of the result, and progress.
void add_output_options(OptionReader& reader, Options& options);

/// What else the result has, and gates.
void add_gate_options(OptionReader& reader, Options& options);

/// The percentiles of the result.
void add_percentiles_option(OptionReader& reader, Options& options);

/// A seed for a run that was given none.
[[nodiscard]] std::uint64_t random_seed();

/// The length of a run that was given none.
void set_default_length(Options& options);

/// Where --part is given, keeps what the whole run has there, and leaves the part's share in
/// `options`. Throws std::invalid_argument where the whole is too small to be divided.
void take_part(Options& options);

/// Throw std::invalid_argument if the values of several options contradict each other.
void check_run_options(const Options& options); ///< the following three
void check_pace(const Options& options);
void check_verify_options(const Options& options);
void check_abuse_options(const Options& options);
void check_report_options(const Options& options);

} // namespace echoload
