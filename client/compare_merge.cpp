// SPDX-License-Identifier: MIT
#include "client/compare.hpp"
#include "client/report_json.hpp"
#include "client/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

// Results of several machines that loaded the same servers at the same time become one result of
// the same form. Nothing is lost: what is counted is added, buckets as well, and figures are made
// of the sums. What cannot be added and differs is null.

namespace echoload {

namespace {

Json added(const Json& a, const Json& b) {
    if (a.is_null() || b.is_null()) {
        return a.is_null() ? b : a;
    }
    if (a.is_number_integer() && b.is_number_integer()) {
        return a.get<std::uint64_t>() + b.get<std::uint64_t>();
    }
    if (a.is_number() && b.is_number()) {
        return a.get<double>() + b.get<double>();
    }
    return nullptr;
}

Json same_or_null(const Json& a, const Json& b) {
    return a == b ? a : Json(nullptr);
}

// Numbers of one section, field by field. A section that is null never came to be.
Json sum_of_fields(const Json& a, const Json& b) {
    if (a.is_null() || b.is_null()) {
        return a.is_null() ? b : a;
    }
    Json sum = a;
    for (const auto& item : b.items()) {
        sum[item.key()] =
            sum.contains(item.key()) ? added(sum[item.key()], item.value()) : item.value();
    }
    return sum;
}

Json larger(const Json& a, const Json& b) {
    if (a.is_null() || b.is_null()) {
        return a.is_null() ? b : a;
    }
    return a < b ? b : a;
}

Json earlier(const Json& a, const Json& b) {
    if (a.is_null() || b.is_null()) {
        return a.is_null() ? b : a;
    }
    return b < a ? b : a;
}

Json both_lists(const Json& a, const Json& b) {
    Json all = a.is_array() ? a : Json::array();
    all.insert(all.end(), b.begin(), b.end());
    return all;
}

Json merged_latency(const Json& a, const Json& b) {
    if (!is_latency(a) || !is_latency(b)) {
        return is_latency(a) ? a : b;
    }
    Histogram histogram = read_latency(a, "");
    histogram.merge(read_latency(b, ""));
    const bool same = a["loop"] == b["loop"] && a["loop"].is_string();
    return latency_json(same ? a["loop"].get<std::string>() : "mixed", histogram);
}

Json merged_errors(const Json& a, const Json& b) {
    Json rows = both_lists(a, Json::array());
    for (const Json& row : b) {
        const auto known = std::find_if(rows.begin(), rows.end(), [&](const Json& each) {
            return each["phase"] == row["phase"] && each["error"] == row["error"];
        });
        if (known == rows.end()) {
            rows.push_back(row);
        } else {
            (*known)["count"] = added((*known)["count"], row["count"]);
        }
    }
    return rows;
}

Json merged_asked(const Json& a, const Json& b) {
    Json asked = a;
    for (const auto& item : b.items()) {
        const std::string& key = item.key();
        if (key == "targets") {
            for (const Json& target : item.value()) {
                if (std::find(asked[key].begin(), asked[key].end(), target) == asked[key].end()) {
                    asked[key].push_back(target);
                }
            }
        } else if (key == "connections" || key == "messages" || key == "connect_rate" ||
                   key == "rate" || key == "rate_at_end" || key == "max_in_flight") {
            asked[key] = asked[key].is_number() && item.value().is_number()
                             ? added(asked[key], item.value())
                             : Json(nullptr);
        } else if (key == "abuse") {
            asked[key] = sum_of_fields(asked[key], item.value());
        } else {
            asked[key] = same_or_null(asked[key], item.value());
        }
    }
    return asked;
}

// Cohorts of the same mode become one; a median of two is not known.
Json merged_abuse(const Json& a, const Json& b) {
    if (!a.is_object() || !b.is_object()) {
        return a.is_object() ? a : b;
    }
    Json all = a;
    for (const auto& item : b.items()) {
        if (!all.contains(item.key())) {
            all[item.key()] = item.value();
            continue;
        }
        const Json& one = all[item.key()];
        const Json& other = item.value();
        const auto of = [](const Json& mode, const char* key) {
            return mode.value(key, Json(nullptr));
        };
        const Json expected = same_or_null(of(one, "expected"), of(other, "expected"));
        Json sum = sum_of_fields(one, other);
        sum["median_open_s"] = nullptr;
        sum["expected"] = expected;
        sum["met"] = nullptr;
        if (!expected.is_null()) {
            sum["met"] = of(one, "met") == true && of(other, "met") == true;
        }
        all[item.key()] = std::move(sum);
    }
    return all;
}

Json merged_field(const std::string& key, const Json& a, const Json& b) {
    static constexpr std::array kAdded = {"connections", "messages",  "bytes",
                                          "rate",        "open_loop", "wrong_by_kind"};
    static constexpr std::array kLongest = {"ramp_up_s", "window_s", "elapsed_s"};
    static constexpr std::array kListed = {"mismatches", "gates", "loops", "merged"};
    const auto among = [&key](const auto& keys) {
        return std::find(keys.begin(), keys.end(), key) != keys.end();
    };
    if (among(kAdded)) {
        return sum_of_fields(a, b);
    }
    if (among(kLongest)) {
        return larger(a, b);
    }
    if (among(kListed)) {
        return both_lists(a, b);
    }
    if (is_latency(a) || is_latency(b)) {
        return merged_latency(a, b);
    }
    if (key == "started") {
        return earlier(a, b);
    }
    if (key == "errors") {
        return merged_errors(a, b);
    }
    if (key == "abuse") {
        return merged_abuse(a, b);
    }
    return key == "asked" ? merged_asked(a, b) : same_or_null(a, b);
}

int rank_of(const Json& verdict) {
    for (int rank = 0; rank < static_cast<int>(Outcome::ok); ++rank) {
        if (verdict["outcome"] == to_string(static_cast<Outcome>(rank))) {
            return rank;
        }
    }
    return static_cast<int>(Outcome::ok);
}

// The worst of both; reasons say whose they are.
Json merged_verdict(const Json& a, const Json& b) {
    Json verdict = rank_of(b) < rank_of(a) ? b : a;
    verdict["reasons"] = both_lists(a["reasons"], b["reasons"]);
    return verdict;
}

// What is gone in the sum: whose it was, and what each came to.
Json part_of(const std::string& file, const Json& result) {
    return {
        {"file", file},
        {"seed", result.value("seed", Json(nullptr))},
        {"started", result.value("started", Json(nullptr))},
        {"window_s", result.value("window_s", Json(nullptr))},
        {"messages_per_s", result["rate"].is_object()
                               ? result["rate"].value("messages_per_s", Json(nullptr))
                               : Json(nullptr)},
        {"limit", result.value("limit", Json(nullptr))},
        {"verdict", result["verdict"]},
    };
}

Json read_part(const std::string& file) {
    Json result = read_result(file);
    if (!result.contains("merged")) {
        const Json part = part_of(file, result);
        for (Json& reason : result["verdict"]["reasons"]) {
            reason = fmt::format("{}: {}", file, reason.get<std::string>());
        }
        result["merged"] = Json::array({part});
    }
    return result;
}

} // namespace

Compared merge_results(const std::vector<std::string>& files) try {
    Json merged;
    for (const std::string& file : files) {
        const Json part = read_part(file);
        if (merged.is_null()) {
            merged = part;
            continue;
        }
        const Json verdict = merged_verdict(merged["verdict"], part["verdict"]);
        for (const auto& item : part.items()) {
            const std::string& key = item.key();
            merged[key] =
                merged.contains(key) ? merged_field(key, merged[key], item.value()) : item.value();
        }
        merged["verdict"] = verdict;
    }
    return {write_json(merged), merged["verdict"]["exit_code"].get<int>()};
} catch (const Json::exception& error) {
    // What read_result() does not look at, as a target that is no text.
    throw BadResult(fmt::format("cannot be used: {}", error.what()));
}

} // namespace echoload
