// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

namespace {

constexpr std::uint64_t kMaxConnections = 1'000'000;
constexpr std::uint64_t kMaxPipeline = 65'536;
constexpr std::uint64_t kMaxMessages = 1'000'000'000'000'000;
constexpr std::uint64_t kMaxConnectRate = 10'000'000;
// What a JSON number carries exactly everywhere: 2^53 - 1.
constexpr std::uint64_t kMaxSeed = 9'007'199'254'740'991;
constexpr Duration kMaxTime = std::chrono::hours(1000);
constexpr Duration kMaxTimeout = std::chrono::hours(1);
constexpr Duration kMinTimeout = std::chrono::milliseconds(1);

} // namespace

void add_load_options(OptionReader& reader, Options& options) {
    reader.add_operands("TARGET",
                        "host:port, [v6-address]:port or unix:/path; several share the connections",
                        options.targets);
    reader.add("-c,--connections", "connections open at the same time [50]", "N",
               [&options](const std::string& text) {
                   options.connections =
                       static_cast<std::uint32_t>(count_in(text, 1, kMaxConnections));
               });
    reader.add("-d,--duration", "how long to measure, once all connections are up [10s]", "T",
               [&options](const std::string& text) {
                   options.duration = duration_in(text, std::chrono::milliseconds(1), kMaxTime);
               });
    reader.add("-n,--messages", "messages to send in all, once all connections are up", "N",
               [&options](const std::string& text) {
                   options.messages = count_in(text, 1, kMaxMessages);
               });
    reader.exclude("--messages", "--duration");
    reader.add("-p,--pipeline", "messages in flight a connection [1]", "N",
               [&options](const std::string& text) {
                   options.pipeline = static_cast<std::uint32_t>(count_in(text, 1, kMaxPipeline));
               });
    reader.add("--sizes",
               "of payloads: uniform:A-B, fixed:N, list:SIZE:WEIGHT,... or edges [uniform:0-1016]",
               "LAW",
               [&options](const std::string& text) { options.sizes = SizeLaw::parse(text); });
    reader.add("--seed",
               "of types, sizes and payloads; the same seed sends the same bytes [random]", "N",
               [&options](const std::string& text) { options.seed = count_in(text, 0, kMaxSeed); });
    reader.add("--timeout", "for a message's echo, and for connecting [10s]", "T",
               [&options](const std::string& text) {
                   options.timeout = duration_in(text, kMinTimeout, kMaxTimeout);
               });
    reader.add(
        "--drain",
        "after the end, for what is unanswered then, or with -n for connections to end [as long as "
        "--timeout lets each]",
        "T", [&options](const std::string& text) {
            options.drain = duration_in(text, Duration::zero(), kMaxTimeout);
        });
    reader.add("--connect-rate", "new connections a second [as fast as the server takes them]", "N",
               [&options](const std::string& text) {
                   options.connect_rate = static_cast<double>(count_in(text, 1, kMaxConnectRate));
               });
    reader.add("--warmup", "verify, but do not measure, for so long first [0s]", "T",
               [&options](const std::string& text) {
                   options.warmup = duration_in(text, Duration::zero(), kMaxTime);
               });
}

} // namespace echoload
