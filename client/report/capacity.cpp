// SPDX-License-Identifier: MIT
#include "client/report/capacity.hpp"

#include "client/report/figures.hpp"
#include "client/report/stored_result.hpp"
#include "client/report/text_lines.hpp"
#include "client/report/text_request.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echoload {

namespace {

std::string point_text(const CapacityReport& report, double point) {
    return report.of_rate ? whole_rate(point) + "/s" : whole_rate(point) + " connections";
}

std::string ns_text(const std::optional<double>& ns) {
    return ns ? duration_or_dash(Duration(static_cast<std::int64_t>(*ns))) : "-";
}

std::string figures_text(const StepFigures& figures) {
    const auto& messages = figures[StepFigure::messages];
    return fmt::format("{} answered, p50 {}, p99 {}, max {}",
                       messages ? whole_rate(*messages) + "/s" : "-",
                       ns_text(figures[StepFigure::p50]), ns_text(figures[StepFigure::p99]),
                       ns_text(figures[StepFigure::max]));
}

// "holds", or why not.
std::string finding_text(const CapacityStep& step) {
    std::string text(echod::enum_name(step.finding));
    if (step.finding == StepFinding::client_limited) {
        text += ": " + step.bottleneck.reason;
    } else if (!step.verdict.reasons.empty()) {
        text += ": " + step.verdict.reasons.front();
    }
    return text;
}

Json answer_json(const CapacityReport& report) {
    const SearchAnswer& answer = *report.answer;
    return {{"rate", or_null(answer.rate)},
            {"low", or_null(answer.low)},
            {"high", or_null(answer.high)},
            {"beyond", or_null(answer.beyond)},
            {"limit", answer.beyond ? Json(echod::enum_name(answer.limit)) : Json(nullptr)},
            {"reason", answer.beyond ? Json(limit_text(report)) : Json(nullptr)},
            {"complete", answer.complete}};
}

Json figures_json(const StepFigures& figures) {
    Json json = Json::object();
    for (std::size_t i = 0; i < std::size(kStepFigures); ++i) {
        json[kStepFigures[i]] = or_null(figures.values[i]);
    }
    return json;
}

Json steps_json(const CapacityReport& report) {
    const char* const key = report.of_rate ? "rate" : "connections";
    Json rows = Json::array();
    for (const CapacityStep& step : report.steps) {
        Json row = {{key, step.point}, {"finding", echod::enum_name(step.finding)}};
        row.update(figures_json(step.figures));
        row["limit"] = {{"limited_by", echod::enum_name(step.bottleneck.where)},
                        {"reason", step.bottleneck.reason}};
        row["verdict"] = {{"outcome", echod::enum_name(step.verdict.outcome)},
                          {"exit_code", step.verdict.exit_code},
                          {"reasons", step.verdict.reasons}};
        rows.push_back(std::move(row));
    }
    return rows;
}

Json points_json(const CapacityReport& report) {
    const char* const key = report.of_rate ? "rate" : "connections";
    Json rows = Json::array();
    for (std::size_t i = 0; i < report.points.size(); ++i) {
        const Sweep::Point& sum = report.sums[i];
        Json row = {
            {key, report.points[i]},
            {"runs", sum.runs},
            {"finding", sum.runs == 0 ? Json(nullptr) : Json(echod::enum_name(sum.finding))}};
        row.update(figures_json(sum.median));
        rows.push_back(std::move(row));
    }
    return rows;
}

// "46,340/s hold; every run did up to 45,254/s, none from 47,450/s on".
std::string answer_text(const SearchAnswer& answer) {
    if (!answer.rate) {
        return "none";
    }
    std::string text =
        fmt::format("{}; {}", held_text(answer),
                    answer.low ? fmt::format("every run did up to {}/s", whole_rate(*answer.low))
                               : "not every run did even at the lowest rate");
    if (answer.high) {
        text += fmt::format(", none from {}/s on", whole_rate(*answer.high));
    } else if (answer.beyond) {
        text += fmt::format(", most did not at {}/s", whole_rate(*answer.beyond));
    }
    return text;
}

void write_answer(Out out, const CapacityReport& report) {
    const SearchAnswer& answer = *report.answer;
    fmt::format_to(out, kLabel, "answer");
    fmt::format_to(out, "{}\n", answer_text(answer));
    fmt::format_to(out, kLabel, "limit");
    fmt::format_to(out, "{}\n", answer.beyond ? limit_text(report) : "not reached");
}

// "open loop, arrivals at even intervals, 64 connections with at most 16 in flight".
std::string loop_text_of(const CapacityReport& report) {
    const Json& requested = report.requested;
    std::string text = loop_of(requested) + " loop";
    if (const auto rate = value_at<double>(requested, "rate")) {
        text += fmt::format(" of {} messages/s", whole_rate(*rate));
    }
    if (loop_of(requested) == "open") {
        text += value_at<std::string>(requested, "arrival") == "poisson"
                    ? ", Poisson arrivals"
                    : ", arrivals at even intervals";
    }
    text += report.of_rate ? fmt::format(", {} connections", text_or_dash(requested, "connections"))
                           : ", connections";
    return text + fmt::format(" with at most {} in flight", text_or_dash(requested, "pipeline"));
}

void write_points(Out out, const CapacityReport& report) {
    const char* label = "points";
    for (std::size_t i = 0; i < report.points.size(); ++i) {
        const Sweep::Point& sum = report.sums[i];
        fmt::format_to(out, kLabel, label);
        fmt::format_to(out, "{}: ", point_text(report, report.points[i]));
        if (sum.runs == 0) {
            fmt::format_to(out, "not run\n");
        } else {
            fmt::format_to(out, "{}: {}\n", figures_text(sum.median),
                           echod::enum_name(sum.finding));
        }
        label = "";
    }
}

} // namespace

std::string step_text(const CapacityReport& report, const CapacityStep& step) {
    return fmt::format("{}: {}: {}", point_text(report, step.point), figures_text(step.figures),
                       finding_text(step));
}

std::string not_judged_text(const CapacityReport& report) {
    for (const CapacityStep& step : report.steps) {
        if (step.finding == StepFinding::client_limited ||
            step.finding == StepFinding::unmeasured) {
            return fmt::format("at {}: {}", point_text(report, step.point), finding_text(step));
        }
    }
    return "";
}

std::string held_text(const SearchAnswer& answer) {
    return fmt::format("{}{}/s hold",
                       answer.limit == StepFinding::fails && answer.beyond ? "" : "at least ",
                       whole_rate(*answer.rate));
}

std::string limit_text(const CapacityReport& report) {
    const auto& answer = report.answer;
    const auto step =
        std::find_if(report.steps.begin(), report.steps.end(), [&answer](const CapacityStep& each) {
            return answer && each.point == answer->beyond && each.finding == answer->limit;
        });
    if (step == report.steps.end()) {
        return "";
    }
    const std::string where = point_text(report, step->point);
    if (step->finding == StepFinding::client_limited) {
        return fmt::format("echoload itself, at {}: {}", where, step->bottleneck.reason);
    }
    return fmt::format("at {}: {}; bottleneck {}: {}", where,
                       step->verdict.reasons.empty() ? "-" : step->verdict.reasons.front(),
                       echod::enum_name(step->bottleneck.where), step->bottleneck.reason);
}

std::string capacity_text(const CapacityReport& report) {
    const Json& requested = report.requested;
    std::string text =
        fmt::format("echoload {}: {} of {} to {}\n", ECHOD_VERSION, report.command,
                    report.of_rate ? "rates" : "connections", joined(targets_of(requested), ", "));
    const Out out(text);
    fmt::format_to(out, kLabel, "requested");
    fmt::format_to(out, "{}, runs of {} after {} of warm-up, sizes {}, seed {}\n",
                   loop_text_of(report), seconds_or_dash(value_at<double>(requested, "duration_s")),
                   seconds_or_dash(value_at<double>(requested, "warmup_s")),
                   text_or_dash(requested, "sizes"), report.seed);
    if (!report.conditions.empty()) {
        fmt::format_to(out, kLabel, "must hold");
        fmt::format_to(out, "{}\n", report.conditions);
    }
    if (report.answer) {
        for (const CapacityStep& step : report.steps) {
            fmt::format_to(out, kLabel, &step == &report.steps.front() ? "runs" : "");
            fmt::format_to(out, "{}\n", step_text(report, step));
        }
        write_answer(out, report);
    }
    write_points(out, report);
    fmt::format_to(out, kLabel, "verdict");
    fmt::format_to(out, "{} (exit {}){}{}\n", echod::enum_name(report.verdict.outcome),
                   report.verdict.exit_code, report.verdict.reasons.empty() ? "" : ": ",
                   joined(report.verdict.reasons, "; "));
    return text;
}

Json capacity_json(const CapacityReport& report) {
    Json json = {{"schema", kJsonSchema},       {"program", "echoload"},
                 {"version", ECHOD_VERSION},    {"command", report.command},
                 {"seed", report.seed},         {"asked", report.requested},
                 {"started", report.started},   {"ended", report.ended},
                 {"settings", report.settings}, {"steps", steps_json(report)}};
    json["points"] = report.answer ? Json(nullptr) : points_json(report);
    json["answer"] = report.answer ? answer_json(report) : Json(nullptr);
    json["verdict"] = {{"outcome", echod::enum_name(report.verdict.outcome)},
                       {"exit_code", report.verdict.exit_code},
                       {"reasons", report.verdict.reasons}};
    return json;
}

} // namespace echoload
