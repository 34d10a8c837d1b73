// SPDX-License-Identifier: MIT
#include "base/sys_error.hpp"
#include "client/compare.hpp"
#include "client/report.hpp"
#include "client/report_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace echoload {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
    std::string text;
    std::array<char, 65536> buffer{};
    while (file) {
        const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get());
        text.append(buffer.data(), size);
        if (size == 0) {
            break;
        }
    }
    if (!file || std::ferror(file.get()) != 0) {
        throw BadResult(fmt::format("cannot read {}: {}", path, echod::describe_errno(errno)));
    }
    return text;
}

[[noreturn]] void fail(const std::string& place, std::string_view what) {
    throw BadResult(fmt::format("{}{} {}", place, place.ends_with(':') ? "" : ":", what));
}

void need(bool right, const std::string& place, std::string_view what) {
    if (!right) {
        fail(place, what);
    }
}

// A place is "FILE:" or "FILE: messages.sent".
std::string within(const std::string& place, std::string_view key) {
    return fmt::format("{}{}{}", place, place.ends_with(':') ? " " : ".", key);
}

const Json& field(const Json& json, const char* key, const std::string& place) {
    need(json.is_object(), place, "must be an object");
    const auto found = json.find(key);
    need(found != json.end(), within(place, key), "is missing");
    return *found;
}

std::uint64_t count_of(const Json& json, const std::string& place) {
    need(json.is_number_unsigned() || (json.is_number_integer() && json.get<std::int64_t>() >= 0),
         place, "must be a whole number");
    return json.get<std::uint64_t>();
}

Duration duration_of(const Json& json, const std::string& place) {
    const std::uint64_t ns = count_of(json, place);
    need(ns <= static_cast<std::uint64_t>(Duration::max().count()), place, "is too large");
    return Duration(static_cast<std::int64_t>(ns));
}

// Sections of numbers alone, which merge and compare count on.
void check_numbers(const Json& result, const char* key, const std::string& file) {
    const std::string place = within(file, key);
    const Json& section = field(result, key, file);
    need(section.is_null() || section.is_object(), place, "must be an object or null");
    for (const auto& item : section.items()) {
        need(item.value().is_number() || item.value().is_structured() || item.value().is_null(),
             within(place, item.key()), "must be a number or null");
    }
}

void check_verdict(const Json& result, const std::string& file) {
    const std::string place = within(file, "verdict");
    const Json& verdict = field(result, "verdict", file);
    need(field(verdict, "outcome", place).is_string(), place + ".outcome", "must be a text");
    (void)count_of(field(verdict, "exit_code", place), place + ".exit_code");
    const Json& reasons = field(verdict, "reasons", place);
    need(reasons.is_array(), place + ".reasons", "must be a list");
    for (const Json& reason : reasons) {
        need(reason.is_string(), place + ".reasons", "must be texts");
    }
}

void check_errors(const Json& result, const std::string& file) {
    const Json& errors = field(result, "errors", file);
    need(errors.is_array() || errors.is_null(), within(file, "errors"), "must be a list or null");
    for (std::size_t i = 0; i < errors.size(); ++i) {
        const std::string place = within(file, fmt::format("errors[{}]", i));
        need(field(errors[i], "phase", place).is_string(), place + ".phase", "must be a text");
        need(field(errors[i], "error", place).is_string(), place + ".error", "must be a text");
        (void)count_of(field(errors[i], "count", place), place + ".count");
    }
}

} // namespace

bool is_latency(const Json& json) {
    return json.is_object() && json.contains("histogram");
}

Histogram read_latency(const Json& latency, const std::string& place) {
    if (count_of(field(latency, "count", place), place + ".count") == 0) {
        return {};
    }
    const std::string inner = place + ".histogram";
    const Json& histogram = field(latency, "histogram", place);
    need(field(histogram, "scheme", inner) == kHistogramScheme, inner + ".scheme",
         fmt::format("must be {}", kHistogramScheme));
    const Json& sum = field(histogram, "sum_ns", inner);
    need(sum.is_string(), inner + ".sum_ns", "must be digits in a text");
    const Json& list = field(histogram, "buckets", inner);
    need(list.is_array(), inner + ".buckets", "must be a list");
    std::vector<Histogram::Bucket> buckets;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string each = fmt::format("{}.buckets[{}]", inner, i);
        need(list[i].is_array() && list[i].size() == 2, each, "must be [upper edge, count]");
        buckets.push_back({count_of(list[i][0], each), count_of(list[i][1], each)});
    }
    try {
        Histogram restored = Histogram::restore(
            buckets, duration_of(field(latency, "min_ns", place), place + ".min_ns"),
            duration_of(field(latency, "max_ns", place), place + ".max_ns"),
            sum.get<std::string>());
        need(restored.count() == latency["count"].get<std::uint64_t>(), inner + ".buckets",
             "do not add up to count");
        return restored;
    } catch (const std::invalid_argument& error) {
        fail(inner, error.what());
    }
}

Json read_result(const std::string& path) {
    const std::string file = path + ":";
    Json result;
    try {
        result = Json::parse(read_file(path));
    } catch (const Json::parse_error& error) {
        // "[json.exception.parse_error.101] parse error at line 1, column 1: ..."
        const std::string what = error.what();
        fail(file, "is no JSON: " + what.substr(std::min(what.size(), what.find("] ") + 2)));
    }
    need(result.is_object(), file, "must be an object, the result of echoload");
    need(field(result, "program", file) == "echoload", within(file, "program"),
         "must be \"echoload\"");
    need(field(result, "schema", file) == kJsonSchema, within(file, "schema"),
         fmt::format("must be {}", kJsonSchema));
    for (const char* key : {"connections", "messages", "bytes", "rate"}) {
        check_numbers(result, key, file);
    }
    need(field(result, "asked", file).is_object(), within(file, "asked"), "must be an object");
    check_errors(result, file);
    check_verdict(result, file);
    for (const auto& item : result.items()) {
        if (is_latency(item.value())) {
            (void)read_latency(item.value(), within(file, item.key()));
        }
    }
    return result;
}

} // namespace echoload
