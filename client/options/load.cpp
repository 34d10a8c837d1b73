// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"

#include <fmt/format.h>

namespace echoload {

namespace {

constexpr std::uint64_t kMaxPipeline = 65'536;
constexpr std::uint64_t kMaxMessages = 1'000'000'000'000'000;
constexpr std::uint64_t kMaxConnectRate = 10'000'000;
// 2^53 - 1: the largest integer that every JSON parser reads exactly.
constexpr std::uint64_t kMaxSeed = 9'007'199'254'740'991;
constexpr Duration kMaxTime = std::chrono::hours(1000);
constexpr Duration kMaxTimeout = std::chrono::hours(1);
constexpr Duration kMinTimeout = std::chrono::milliseconds(1);

void read_duration(const std::string& text, Options& options) {
    options.forever = text == "forever";
    if (!options.forever) {
        options.duration = duration_in(text, std::chrono::milliseconds(1), kMaxTime);
    }
}

} // namespace

std::uint32_t connections_in(const std::string& text) {
    return static_cast<std::uint32_t>(count_in(text, 1, kMaxConnections));
}

void add_load_options(OptionReader& reader, Options& options, const RunOptionRules& rules) {
    reader.add_operands("TARGET",
                        "host:port, [v6-address]:port or unix:/path; several share the connections",
                        options.targets);
    OptionReader::Read read_connections = rules.connections;
    if (!read_connections) {
        read_connections = [&options](const std::string& text) {
            options.connections = connections_in(text);
        };
    }
    reader.add("-c,--connections", "Number of concurrent connections [50]", rules.connections_type,
               read_connections);
    reader.add("-d,--duration",
               fmt::format("Length of the measured part, which begins when all connections are "
                           "up{} [{}]",
                           rules.is_series ? "" : ", or forever: until a signal", rules.duration),
               "T", [&options](const std::string& text) { read_duration(text, options); });
    reader.add("-n,--messages", "Number of messages to measure in all, instead of a duration", "N",
               [&options](const std::string& text) {
                   options.messages = count_in(text, 1, kMaxMessages);
               });
    reader.exclude("--messages", "--duration");
    reader.add("-p,--pipeline", "Maximum number of messages in flight per connection [1]", "N",
               [&options](const std::string& text) {
                   options.pipeline = static_cast<std::uint32_t>(count_in(text, 1, kMaxPipeline));
               });
    reader.add("--sizes",
               "Payload sizes: A-B, N, list:SIZE:WEIGHT,... or edges "
               "[uniform:0-1016]",
               "LAW",
               [&options](const std::string& text) { options.sizes = SizeLaw::parse(text); });
    reader.add(
        "--seed", "Seed of types, sizes and payloads; the same seed sends the same bytes [random]",
        "N", [&options](const std::string& text) { options.seed = count_in(text, 0, kMaxSeed); });
    reader.add("--timeout", "Time limit for each echo, and for each connection attempt [10s]", "T",
               [&options](const std::string& text) {
                   options.timeout = duration_in(text, kMinTimeout, kMaxTimeout);
               });
    reader.add("--drain",
               "Time limit after the end for missing echoes, or with -n for connections to close "
               "[--timeout of each message]",
               "T", [&options](const std::string& text) {
                   options.drain = duration_in(text, Duration::zero(), kMaxTimeout);
               });
    reader.add("--connect-rate", "New connections per second [as fast as the server accepts them]",
               "N", [&options](const std::string& text) {
                   options.connect_rate = static_cast<double>(count_in(text, 1, kMaxConnectRate));
               });
    reader.add("--warmup",
               fmt::format("Time to send and verify messages before measuring [{}]", rules.warmup),
               "T", [&options](const std::string& text) {
                   options.warmup = duration_in(text, Duration::zero(), kMaxTime);
               });
}

} // namespace echoload
