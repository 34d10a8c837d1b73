// SPDX-License-Identifier: MIT
#include "client/compare/parts.hpp"

#include "base/units.hpp"
#include "client/report/json_reader.hpp"
#include "client/report/text_parts.hpp"
#include "client/result/bad_result.hpp"
#include "client/result/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>

namespace echoload {

namespace {

// A part that begins later than that is late: then its rate is not of the same time.
constexpr double kLate = 0.1; // seconds

// Options that may differ between machines, and those that say which part it is.
constexpr std::string_view kOwnOptions[] = {"part", "start_at", "source", "cpus", "threads"};

// An entry of `merged`.
struct Row {
    std::string file;
    std::optional<std::uint64_t> number; ///< of --part, and `of` how many
    std::optional<std::uint64_t> of;
    bool began = false;
    std::optional<WallTime> at; ///< when it was to begin
    std::optional<double> late; ///< seconds
};

Row row_of(const Json& json) {
    Row row;
    row.file = value_at<std::string>(json, "file").value_or("-");
    const Json part = json.value("part", Json());
    row.number = value_at<std::uint64_t>(part, "number");
    row.of = value_at<std::uint64_t>(part, "of");
    row.began = value_at<std::string>(json, "started").has_value();
    const Json start = json.value("start", Json());
    if (const auto at = value_at<std::string>(start, "at")) {
        row.at = parse_utc(*at);
    }
    row.late = value_at<double>(start, "late_s");
    return row;
}

bool is_late(const Row& row) {
    return row.late.value_or(0) > kLate;
}

std::string name_of(const Row& row) {
    return row.number ? fmt::format("{} (part {} of {})", row.file, *row.number, row.of.value_or(0))
                      : row.file;
}

[[noreturn]] void refuse_parts(const std::string& a, const std::string& b, const std::string& how) {
    throw BadResult(fmt::format("{} and {} are not parts of one run: {}", a, b, how));
}

void require_matching_numbers(const Row& a, const Row& b) {
    if (a.number.has_value() != b.number.has_value()) {
        const Row& part = a.number ? a : b;
        refuse_parts(a.file, b.file,
                     fmt::format("{} is part {} of {}, the other one is none (--part)", part.file,
                                 *part.number, part.of.value_or(0)));
    }
    if (a.of != b.of) {
        refuse_parts(
            a.file, b.file,
            fmt::format("they are parts of {} and of {}", a.of.value_or(0), b.of.value_or(0)));
    }
    if (a.number && a.number == b.number) {
        refuse_parts(a.file, b.file,
                     fmt::format("both are part {} of {}", *a.number, a.of.value_or(0)));
    }
}

void require_same_start(const Row& a, const Row& b) {
    constexpr const char* kHint = "(--force merges them all the same)";
    if (a.at.has_value() != b.at.has_value() && a.began && b.began) {
        refuse_parts(a.file, b.file,
                     fmt::format("{} was to begin at a time, the other one was not (--start-at) {}",
                                 (a.at ? a : b).file, kHint));
    }
    if (a.at && b.at && std::abs(std::chrono::duration<double>(*a.at - *b.at).count()) > kLate) {
        refuse_parts(a.file, b.file,
                     fmt::format("they were to begin at {} and at {} {}", utc_text(*a.at),
                                 utc_text(*b.at), kHint));
    }
}

void require_same_options(const ReadResult& a, const ReadResult& b) {
    if (a.result.seed != b.result.seed) {
        refuse_parts(
            a.file, b.file,
            fmt::format("their seeds are {} and {}", a.result.seed.dump(), b.result.seed.dump()));
    }
    for (const auto& item : a.result.requested.items()) {
        const bool is_own = std::find(std::begin(kOwnOptions), std::end(kOwnOptions), item.key()) !=
                            std::end(kOwnOptions);
        const auto other = b.result.requested.find(item.key());
        if (!is_own && other != b.result.requested.end() && *other != item.value()) {
            refuse_parts(
                a.file, b.file,
                fmt::format("{} is {} and {}", item.key(), item.value().dump(), other->dump()));
        }
    }
}

std::vector<Row> rows_of(const Json& merged) {
    std::vector<Row> rows;
    for (const Json& each : merged) {
        rows.push_back(row_of(each));
    }
    return rows;
}

void make_worse(StoredVerdict& verdict, Outcome outcome, int exit_code) {
    const auto current = echod::enum_value<Outcome>(verdict.outcome).value_or(Outcome::ok);
    if (verdict.outcome.empty() || outcome < current) {
        verdict.outcome = echod::enum_name(outcome);
        verdict.exit_code = exit_code;
    }
}

} // namespace

bool is_of_parts(const StoredResult& result) {
    const std::vector<Row> rows = rows_of(result.merged);
    return !result.part.is_null() ||
           std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.number; });
}

void require_parts_of_one_run(const std::vector<ReadResult>& results, bool force) {
    std::vector<Row> earlier;
    for (const ReadResult& each : results) {
        if (is_of_parts(each.result) && is_of_parts(results.front().result)) {
            require_same_options(results.front(), each);
        }
        for (const Row& row : rows_of(each.result.merged)) {
            if (is_late(row) && !force) {
                throw BadResult(fmt::format(
                    "{} began {} late, and only rates of the same time can be added (--force "
                    "merges it all the same)",
                    name_of(row), echod::humanize_duration(duration_of(*row.late))));
            }
            for (const Row& other : earlier) {
                require_matching_numbers(other, row);
                if (!force) {
                    require_same_start(other, row);
                }
            }
            earlier.push_back(row);
        }
    }
}

Json parts_json(const Json& merged) {
    const std::vector<Row> rows = rows_of(merged);
    std::set<std::uint64_t> present;
    Json late = Json::array();
    for (const Row& row : rows) {
        if (!row.number || !row.of) {
            return nullptr;
        }
        present.insert(*row.number);
        if (is_late(row)) {
            late.push_back(*row.number);
        }
    }
    if (rows.empty()) {
        return nullptr;
    }
    Json missing = Json::array();
    for (std::uint64_t number = 1; number <= *rows.front().of; ++number) {
        if (present.count(number) == 0) {
            missing.push_back(number);
        }
    }
    return {{"of", *rows.front().of}, {"missing", std::move(missing)}, {"late", std::move(late)}};
}

StoredVerdict verdict_of_parts(const Json& merged, const Json& parts,
                               const std::vector<std::string>& without_result) {
    constexpr int kNotDelivered = 5;
    StoredVerdict sum;
    for (const Json& row : merged) {
        const Json verdict = row.value("verdict", Json::object());
        const auto outcome =
            echod::enum_value<Outcome>(value_at<std::string>(verdict, "outcome").value_or("ok"));
        make_worse(sum, outcome.value_or(Outcome::ok),
                   value_at<int>(verdict, "exit_code").value_or(0));
        for (const Json& reason : verdict.value("reasons", Json::array())) {
            sum.reasons.push_back(
                fmt::format("{}: {}", value_at<std::string>(row, "file").value_or("-"),
                            reason.is_string() ? reason.get<std::string>() : reason.dump()));
        }
    }
    for (const std::string& file : without_result) {
        sum.reasons.push_back(fmt::format("{}: there is no result in it", file));
    }
    if (!parts.value("missing", Json::array()).empty()) {
        make_worse(sum, Outcome::not_delivered, kNotDelivered);
        Json only_missing = parts;
        only_missing["late"] = Json::array();
        for (std::string& fault : faults_of_parts(only_missing)) {
            sum.reasons.push_back(std::move(fault));
        }
    }
    return sum;
}

} // namespace echoload
