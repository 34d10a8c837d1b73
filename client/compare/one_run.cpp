// SPDX-License-Identifier: MIT
#include "client/compare/one_run.hpp"

#include "client/report/json_reader.hpp"
#include "client/result/bad_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace echoload {

namespace {

using std::chrono::duration;

constexpr double kWindowsDiffer = 0.1;
constexpr double kLeastOverlap = 0.5;
constexpr double kMostSeconds = 1e9; // more is no length of a run, and no clock has it

// A result that is no merged one, or one of the parts of a merged one.
struct Part {
    std::string file;
    std::string identity; ///< what two different runs cannot have in common
    bool started = false; ///< without a start, the seed alone does not tell them apart
    std::optional<double> window_s;
    std::optional<WallTime> from;
    std::optional<WallTime> to;
    bool synchronised = true; ///< its clock, as far as it is known
};

// The member of that name; nothing where it is null or missing.
std::optional<JsonReader> member(const JsonReader& parent, const char* key) {
    const auto found = parent.find(key);
    return found && !found->is_null() ? found : std::nullopt;
}

std::optional<WallTime> time_in(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? parse_utc(found->get<std::string>())
                                                     : std::nullopt;
}

std::optional<double> number_in_part(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

// `row` is an entry of `merged`.
Part part_of(const std::string& file, const JsonReader& row) {
    Part part;
    const auto name = member(row, "file");
    part.file = name ? name->text() : file;
    for (const char* key : {"seed", "started", "window_s", "messages_per_s"}) {
        part.identity += row.json().value(key, Json()).dump() + ' ';
    }
    part.started = !row.json().value("started", Json()).is_null();
    part.window_s = number_in_part(row.json(), "window_s");
    part.from = time_in(row.json(), "measured_from");
    part.to = time_in(row.json(), "measured_to");
    const auto clock = member(row, "clock");
    const auto synchronised = clock ? member(*clock, "synchronised") : std::nullopt;
    part.synchronised = !synchronised || synchronised->boolean();
    return part;
}

[[noreturn]] void refuse(const Part& a, const Part& b, const std::string& how) {
    throw BadResult(fmt::format("{} and {} are not parts of one run: {}", a.file, b.file, how));
}

void require_different(const Part& a, const Part& b) {
    if (a.started && a.identity == b.identity) {
        refuse(a, b, "they are the same result, which may be added once only");
    }
}

void require_equal_windows(const Part& a, const Part& b) {
    const double longer = std::max(*a.window_s, *b.window_s);
    if (longer - std::min(*a.window_s, *b.window_s) > kWindowsDiffer * longer) {
        refuse(a, b,
               fmt::format("their measured parts are {:.3f} s and {:.3f} s long, and rates over "
                           "different times cannot be added",
                           *a.window_s, *b.window_s));
    }
}

void require_overlap(const Part& a, const Part& b) {
    if (!a.from || !a.to || !b.from || !b.to) {
        return; // of a version that did not store it
    }
    const double common =
        duration<double>(std::min(*a.to, *b.to) - std::max(*a.from, *b.from)).count();
    if (common < kLeastOverlap * std::min(*a.window_s, *b.window_s)) {
        refuse(a, b,
               fmt::format("they were not measured at the same time ({} to {}, {} to {}{}), and "
                           "only rates of the same time can be added",
                           utc_text(*a.from), utc_text(*a.to), utc_text(*b.from), utc_text(*b.to),
                           a.synchronised && b.synchronised
                               ? ""
                               : "; the clock of one of the machines is not synchronised"));
    }
}

std::vector<Part> parts_of(const ReadResult& read) {
    std::vector<Part> parts;
    if (read.result.merged.is_array()) {
        for (const JsonReader& row :
             JsonReader(read.result.merged, read.file + ": merged").list()) {
            parts.push_back(part_of(read.file, row));
        }
    }
    return parts;
}

void require_same_loop(const ReadResult& a, const ReadResult& b) {
    const Json before = a.result.requested.value("loop", Json());
    const Json after = b.result.requested.value("loop", Json());
    if (before.is_string() && after.is_string() && before != after) {
        throw BadResult(fmt::format("{} and {} are not parts of one run: the loop is {} and {}, "
                                    "whose latencies are not measured in the same way",
                                    a.file, b.file, before.get<std::string>(),
                                    after.get<std::string>()));
    }
}

} // namespace

std::optional<MeasuredPart> measured_part(const StoredResult& result) {
    const auto started = result.started ? parse_utc(*result.started) : std::nullopt;
    if (!started || !result.ramp_up_s || !result.window_s) {
        return std::nullopt;
    }
    const double warmup = number_in_part(result.requested, "warmup_s").value_or(0);
    const auto at = time_in(result.start, "at"); // where there is a wait after the ramp-up
    const double late = number_in_part(result.start, "late_s").value_or(0);
    const double before = (at ? late : *result.ramp_up_s) + warmup;
    for (const double each : {*result.ramp_up_s, warmup, late, *result.window_s}) {
        if (each < 0 || each > kMostSeconds) {
            return std::nullopt;
        }
    }
    if (std::max(*started, at.value_or(*started)) >
        WallTime::max() - std::chrono::seconds(4'000'000'000)) {
        return std::nullopt;
    }
    const auto after = [from = at.value_or(*started)](double seconds) {
        return utc_text(from + std::chrono::microseconds(std::llround(seconds * 1e6)));
    };
    return MeasuredPart{after(before), after(before + *result.window_s)};
}

void require_one_run(const std::vector<ReadResult>& results, bool force) {
    std::vector<Part> earlier;
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (i != 0) {
            require_same_loop(results[0], results[i]);
        }
        for (const Part& part : parts_of(results[i])) {
            for (const Part& other : earlier) {
                require_different(other, part);
                if (force || !other.window_s || !part.window_s) {
                    continue;
                }
                require_equal_windows(other, part);
                require_overlap(other, part);
            }
            earlier.push_back(part);
        }
    }
}

} // namespace echoload
