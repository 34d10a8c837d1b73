// SPDX-License-Identifier: MIT
#include "base/units.hpp"
#include "client/options/groups.hpp"

#include <algorithm>

namespace echoload {

namespace {

constexpr std::uint64_t kMaxThreads = 1024;
constexpr std::uint64_t kMaxCpu = 1023; // sched_setaffinity(2): what a cpu_set_t can hold
constexpr std::uint64_t kMaxConnMessages = 1'000'000'000'000'000;
// 2^53 - 1: the largest integer that every JSON parser reads exactly.
constexpr std::uint64_t kMaxSeedOrNumber = 9'007'199'254'740'991;
constexpr Duration kMaxThink = std::chrono::hours(1);
constexpr Duration kMaxBusyPoll = std::chrono::seconds(1);
constexpr std::uint64_t kMaxInFlight = 100'000'000;
constexpr std::size_t kMaxStages = 100;
constexpr Duration kMaxStage = std::chrono::hours(1000); // and of all together

// "1k", "A:B", each also with "/s". `lowest` is that of a rate that does not change.
Pace rates_in(std::string text, std::uint64_t lowest) {
    if (text.size() > 2 && text.ends_with("/s")) {
        text.resize(text.size() - 2);
    }
    Pace pace;
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
        pace.first = pace.last = static_cast<double>(count_in(text, lowest, kMaxRate));
        return pace;
    }
    pace.first = static_cast<double>(count_in(text.substr(0, colon), 0, kMaxRate));
    pace.last = static_cast<double>(count_in(text.substr(colon + 1), 0, kMaxRate));
    if (pace.first + pace.last == 0) {
        throw std::invalid_argument(fmt::format("must not be 0 at both ends, is '{}'", text));
    }
    return pace;
}

// "1k@30s" or "A:B@1m".
Stage stage_in(const std::string& text) {
    const std::size_t at = text.find('@');
    if (at == std::string::npos) {
        throw std::invalid_argument(fmt::format(
            "each stage must be N@T or A:B@T, as in 1k@30s,5k@10s,0:1k@1m, is '{}'", text));
    }
    const Pace rates = rates_in(text.substr(0, at), 0);
    return {rates.first, rates.last,
            duration_in(text.substr(at + 1), std::chrono::milliseconds(1), kMaxStage)};
}

Pace pace_in(const std::string& text) {
    if (text.find_first_of("@,") == std::string::npos) {
        return rates_in(text, 1);
    }
    Pace pace;
    bool is_silent = true;
    for (std::size_t begin = 0; begin <= text.size() && pace.stages.size() <= kMaxStages;) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        pace.stages.push_back(stage_in(text.substr(begin, end - begin)));
        is_silent = is_silent && pace.stages.back().first + pace.stages.back().last == 0;
        begin = end + 1;
    }
    if (pace.stages.size() > kMaxStages || length_of(pace.stages) > kMaxStage || is_silent) {
        throw std::invalid_argument(
            fmt::format("must be at most {} stages of at most {} together, one of them with a rate "
                        "above 0, is '{}'",
                        kMaxStages, echod::format_duration(kMaxStage), text));
    }
    pace.first = pace.stages.front().first;
    pace.last = pace.stages.back().last;
    return pace;
}

// "0,2-3". Throws std::invalid_argument with the valid form.
std::vector<std::uint32_t> cpus_in(const std::string& text) {
    std::vector<std::uint32_t> cpus;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        const std::size_t dash = part.find('-');
        const auto first = echod::parse_integer(part.substr(0, dash));
        const auto last =
            dash == std::string::npos ? first : echod::parse_integer(part.substr(dash + 1));
        if (!first || !last || *first > *last || *last > kMaxCpu) {
            throw std::invalid_argument(fmt::format(
                "must be processors from 0 to {}, as in 0,2-3, is '{}'", kMaxCpu, text));
        }
        for (auto cpu = static_cast<std::uint32_t>(*first); cpu <= *last; ++cpu) {
            if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end()) {
                throw std::invalid_argument(
                    fmt::format("must name each processor once, is '{}'", text));
            }
            cpus.push_back(cpu);
        }
        begin = end + 1;
    }
    return cpus;
}

// Also sets the options that follow from it.
void read_replay(const std::string& text, Options& options) {
    const std::size_t first = text.find(':');
    const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
    if (second == std::string::npos) {
        throw std::invalid_argument(
            fmt::format("must be SEED:CONNECTION:SEQUENCE, as in 7:0:41, is '{}'", text));
    }
    options.seed = count_in(text.substr(0, first), 0, kMaxSeedOrNumber);
    options.replay.emplace();
    options.replay->connection =
        count_in(text.substr(first + 1, second - first - 1), 0, kMaxSeedOrNumber);
    options.replay->sequence = count_in(text.substr(second + 1), 0, kMaxConnMessages - 1);
    options.connections = 1;
    options.messages = options.replay->sequence + 1;
}

} // namespace

void add_pace_options(OptionReader& reader, Options& options, const RunOptionRules& rules) {
    reader.add("-t,--threads",
               "Number of event loops, each with a thread and a share of the connections [1]", "N",
               [&options](const std::string& text) {
                   options.threads = static_cast<std::uint32_t>(count_in(text, 1, kMaxThreads));
               });
    reader.add("--cpus",
               "Processors, as in 0,2-3: each gets one event loop, which runs on it alone", "LIST",
               [&options](const std::string& text) {
                   options.cpus = cpus_in(text);
                   options.threads = static_cast<std::uint32_t>(options.cpus.size());
               });
    reader.exclude("--cpus", "--threads");
    reader.add("--busy-poll",
               "Time for which an event loop polls before it sleeps, up to 1s; its own wake-up is "
               "then no part of the latencies [0s]",
               "T", [&options](const std::string& text) {
                   options.busy_poll = duration_in(text, Duration::zero(), kMaxBusyPoll);
               });
    reader.add("-R,--rate",
               "Open loop: messages per second in all, each sent when it is due even if the server "
               "is slow; A:B changes the rate from A to B over --duration; stages, as in "
               "1k@30s,0@5s,A:B@1m, follow each other",
               "N|A:B|STAGE,...",
               [&options](const std::string& text) { options.pace = pace_in(text); });
    reader.add("--think", "Closed loop: pause between an echo and the next message [0s]", "T",
               [&options](const std::string& text) {
                   options.think = duration_in(text, Duration::zero(), kMaxThink);
               });
    reader.exclude("--think", "--rate");
    reader.add_choice("--arrival",
                      "Open loop: const, at even intervals, or poisson, at random ones [const]",
                      "LAW", options.arrival);
    reader.add("--max-in-flight",
               "Open loop: maximum number of due and unanswered messages in all; messages beyond "
               "it are shed [100k]",
               "N", [&options](const std::string& text) {
                   options.max_in_flight = count_in(text, 1, kMaxInFlight);
               });
    for (const char* of_open_loop : {"--arrival", "--max-in-flight"}) {
        if (rules.rates != nullptr) {
            reader.need(of_open_loop, "--rate", rules.rates);
        } else if (!rules.sets_rate) {
            reader.need(of_open_loop, "--rate");
        }
    }
}

void add_connection_options(OptionReader& reader, Options& options) {
    reader.add("--conn-messages",
               "Number of messages after which a connection is closed and replaced [no limit]", "N",
               [&options](const std::string& text) {
                   options.conn_messages = count_in(text, 1, kMaxConnMessages);
               });
    reader.add_flag("--reconnect", "Open lost and refused connections again, and report outages",
                    options.reconnect);
    reader.add("--replay", "Send the stream of one connection of a run again, up to that message",
               "SEED:CONNECTION:SEQUENCE",
               [&options](const std::string& text) { read_replay(text, options); });
    for (const char* other : {"--connections", "--duration", "--messages", "--seed", "--warmup",
                              "--threads", "--rate", "--conn-messages", "--reconnect"}) {
        reader.exclude("--replay", other);
    }
    reader.add("--source",
               "Local address of the connections, or a network of local addresses [chosen by the "
               "system]",
               "ADDR|CIDR",
               [&options](const std::string& text) { options.source = SourceRange::parse(text); });
    reader.add_choice("--resolve",
                      "Addresses of a name that get connections: first, the one that answers "
                      "first; all, in turn [first]",
                      "WHICH", options.resolve);
    reader.add_choice("--close",
                      "How a connection ends: fin or rst, after the last echo; half, by a "
                      "half-close after the last message, upon which the missing echoes and the "
                      "end of file must arrive [fin]",
                      "HOW", options.close);
}

void check_pace(const Options& options) {
    if (options.pace && options.coalesce > 1) {
        throw std::invalid_argument(
            "--rate sends a message when it is due and excludes --coalesce");
    }
    if (options.replay && options.targets.size() != 1) {
        throw std::invalid_argument(
            fmt::format("--replay requires one TARGET, not {}", options.targets.size()));
    }
    if (options.threads > options.connections) {
        throw std::invalid_argument(fmt::format(
            "{2} {0} requires at least {0} --connections{3}, not {1}", options.threads,
            options.connections, options.cpus.empty() ? "--threads" : "--cpus: a list of",
            options.part ? " in this part" : ""));
    }
    if (options.threads > options.max_in_flight) {
        throw std::invalid_argument(fmt::format(
            "--threads {0} requires a --max-in-flight of at least {0}{2}, not {1}", options.threads,
            options.max_in_flight, options.part ? " in this part" : ""));
    }
    if (options.pace && options.pace->is_ramp() && options.pace->stages.empty() &&
        (options.messages || options.forever)) {
        throw std::invalid_argument(
            fmt::format("--rate A:B changes over --duration and excludes {}",
                        options.messages ? "--messages" : "--duration forever"));
    }
    if (options.pace && !options.pace->stages.empty() && (options.messages || options.forever)) {
        throw std::invalid_argument(
            fmt::format("the stages of --rate have lengths and exclude {}",
                        options.messages ? "--messages" : "--duration forever"));
    }
    if (options.pace && !options.pace->stages.empty() && options.duration &&
        *options.duration != length_of(options.pace->stages)) {
        throw std::invalid_argument(
            fmt::format("--duration {} differs from the {} of the stages of --rate; leave it out",
                        echod::format_duration(*options.duration),
                        echod::format_duration(length_of(options.pace->stages))));
    }
}

} // namespace echoload
