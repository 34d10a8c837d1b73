// SPDX-License-Identifier: MIT
#include "client/report/carried.hpp"

#include <array>
#include <span>

namespace echoload {

namespace {

enum class Type : unsigned char { text, count, number, ns, boolean };

struct Member {
    const char* key;
    Type type;
};

constexpr Member kRequested[] = {
    {"loop", Type::text},           {"connections", Type::count}, {"duration_s", Type::number},
    {"messages", Type::count},      {"pipeline", Type::count},    {"threads", Type::count},
    {"conn_messages", Type::count}, {"reconnect", Type::boolean}, {"replay", Type::text},
    {"source", Type::text},         {"resolve", Type::text},      {"think_s", Type::number},
    {"busy_poll_s", Type::number},  {"close", Type::text},        {"sizes", Type::text},
    {"timeout_s", Type::number},    {"drain_s", Type::number},    {"connect_rate", Type::number},
    {"warmup_s", Type::number},     {"verify", Type::text},       {"on_mismatch", Type::text},
    {"split", Type::text},          {"coalesce", Type::count},    {"rate", Type::number},
    {"rate_at_end", Type::number},  {"stages", Type::text},       {"arrival", Type::text},
    {"max_in_flight", Type::count}, {"start_at", Type::text},     {"part", Type::text},
};

constexpr Member kTarget[] = {{"target", Type::text},         {"up", Type::count},
                              {"failed", Type::count},        {"ended_early", Type::count},
                              {"sent", Type::count},          {"verified", Type::count},
                              {"wrong", Type::count},         {"timed_out", Type::count},
                              {"lost", Type::count},          {"sent_bytes", Type::count},
                              {"received_bytes", Type::count}};

constexpr Member kOutage[] = {
    {"target", Type::text},       {"from_s", Type::number},       {"started", Type::text},
    {"length_s", Type::number},   {"over", Type::boolean},        {"restored_s", Type::number},
    {"connections", Type::count}, {"messages_lost", Type::count},
};

constexpr Member kFairness[] = {{"connections", Type::count},
                                {"without_values", Type::count},
                                {"slowest_decile_ns", Type::ns},
                                {"fastest_decile_ns", Type::ns}};

constexpr Member kWorst[] = {{"connection", Type::count},
                             {"port", Type::count},
                             {"count", Type::count},
                             {"mean_ns", Type::ns}};

constexpr Member kSteadiness[] = {{"steady", Type::boolean},
                                  {"first_third_per_s", Type::number},
                                  {"last_third_per_s", Type::number},
                                  {"change_share", Type::number}};

constexpr Member kAddress[] = {{"target", Type::text},
                               {"address", Type::text},
                               {"up", Type::count},
                               {"overtaken", Type::count},
                               {"echoed", Type::count}};

constexpr Member kError[] = {{"phase", Type::text}, {"error", Type::text}, {"count", Type::count}};

constexpr Member kProcess[] = {{"pid", Type::count},
                               {"cpu_share", Type::number},
                               {"busiest_thread_share", Type::number},
                               {"longest_wait_share", Type::number},
                               {"quota_periods", Type::count},
                               {"throttled_periods", Type::count},
                               {"resident_before_bytes", Type::count},
                               {"resident_bytes", Type::count},
                               {"descriptors_before", Type::count},
                               {"descriptors", Type::count}};

constexpr Member kLoop[] = {
    {"cpu_share", Type::number},  {"work_share", Type::number}, {"user_s", Type::number},
    {"system_s", Type::number},   {"wall_s", Type::number},     {"turns", Type::count},
    {"mean_turn_ns", Type::ns},   {"wait_s", Type::number},     {"gaps_s", Type::number},
    {"longest_gap_ns", Type::ns}, {"lag_p99_ns", Type::ns},     {"lag_max_ns", Type::ns},
    {"longest_turn_ns", Type::ns}};

constexpr Member kBottleneck[] = {{"limited_by", Type::text}, {"reason", Type::text}};

constexpr Member kAborted[] = {{"condition", Type::text},
                               {"after_s", Type::number},
                               {"unit", Type::text},
                               {"measured", Type::number}};

constexpr Member kClock[] = {{"synchronised", Type::boolean},
                             {"estimated_error_s", Type::number},
                             {"maximum_error_s", Type::number}};

constexpr Member kStart[] = {{"at", Type::text}, {"late_s", Type::number}};

constexpr Member kPart[] = {
    {"number", Type::count}, {"of", Type::count}, {"first_connection", Type::count}};

constexpr Member kParts[] = {{"of", Type::count}};

constexpr Member kMerged[] = {{"file", Type::text},
                              {"seed", Type::count},
                              {"started", Type::text},
                              {"measured_from", Type::text},
                              {"measured_to", Type::text},
                              {"window_s", Type::number},
                              {"messages_per_s", Type::number}};

constexpr Member kVerdict[] = {{"outcome", Type::text}};

// The member of that name that is not null.
std::optional<JsonReader> member(const JsonReader& object, const char* key) {
    const auto found = object.find(key);
    return found && !found->is_null() ? found : std::nullopt;
}

void check(const JsonReader& object, std::span<const Member> members) {
    for (const Member& each : members) {
        const auto found = member(object, each.key);
        if (!found) {
            continue;
        }
        switch (each.type) {
        case Type::text:
            (void)found->text();
            break;
        case Type::count:
            (void)found->count();
            break;
        case Type::number:
            (void)found->number();
            break;
        case Type::ns:
            (void)found->duration();
            break;
        case Type::boolean:
            (void)found->boolean();
            break;
        }
    }
}

void check_errors_and_latency(const JsonReader& use) {
    if (const auto errors = use.find("errors")) {
        for (const JsonReader& error : errors->list()) {
            check(error, kError);
        }
    }
    if (const auto latency = member(use, "latency")) {
        for (const auto& [figure, value] : latency->members()) {
            if (!value.is_null()) {
                (void)value.count();
            }
        }
    }
}

} // namespace

void check_requested(const JsonReader& asked) {
    check(asked, kRequested);
    if (const auto targets = asked.find("targets")) {
        for (const JsonReader& target : targets->list()) {
            (void)target.text();
        }
    }
    if (const auto cpus = member(asked, "cpus")) {
        for (const JsonReader& cpu : cpus->list()) {
            (void)cpu.count();
        }
    }
    if (const auto abuse = member(asked, "abuse")) {
        for (const auto& [mode, connections] : abuse->members()) {
            (void)connections.count();
        }
    }
    if (const auto expected = member(asked, "expect")) {
        for (const auto& [mode, what] : expected->members()) {
            (void)what.text();
        }
    }
}

void check_targets(const JsonReader& list) {
    for (const JsonReader& use : list.list()) {
        check(use, kTarget);
        check_errors_and_latency(use);
    }
}

void check_outages(const JsonReader& list) {
    for (const JsonReader& outage : list.list()) {
        check(outage, kOutage);
        check_errors_and_latency(outage);
    }
}

void check_addresses(const JsonReader& list) {
    for (const JsonReader& use : list.list()) {
        check(use, kAddress);
        check_errors_and_latency(use);
    }
}

void check_fairness(const JsonReader& fairness) {
    check(fairness, kFairness);
    if (const auto worst = member(fairness, "worst")) {
        for (const JsonReader& connection : worst->list()) {
            check(connection, kWorst);
        }
    }
}

void check_steadiness(const JsonReader& steadiness) {
    check(steadiness, kSteadiness);
}

void check_process(const JsonReader& use) {
    check(use, kProcess);
}

void check_loops(const JsonReader& list) {
    for (const JsonReader& loop : list.list()) {
        check(loop, kLoop);
    }
}

void check_bottleneck(const JsonReader& limit) {
    check(limit, kBottleneck);
}

void check_aborted(const JsonReader& aborted) {
    check(aborted, kAborted);
}

void check_clock(const JsonReader& clock) {
    check(clock, kClock);
}

void check_start(const JsonReader& start) {
    check(start, kStart);
}

void check_part(const JsonReader& part) {
    check(part, kPart);
}

void check_parts(const JsonReader& parts) {
    check(parts, kParts);
    for (const char* key : {"missing", "late"}) {
        if (const auto numbers = member(parts, key)) {
            for (const JsonReader& number : numbers->list()) {
                (void)number.count();
            }
        }
    }
}

void check_merged(const JsonReader& list) {
    for (const JsonReader& part : list.list()) {
        check(part, kMerged);
        if (const auto start = member(part, "start")) {
            check(*start, kStart);
        }
        if (const auto own = member(part, "part")) {
            check(*own, kPart);
        }
        if (const auto limit = member(part, "limit")) {
            check(*limit, kBottleneck);
        }
        if (const auto verdict = member(part, "verdict")) {
            check(*verdict, kVerdict);
        }
    }
}

} // namespace echoload
