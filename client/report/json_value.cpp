// SPDX-License-Identifier: MIT
#include "client/report/json_value.hpp"

#include <algorithm>
#include <cmath>

namespace echoload {

namespace {

std::string on_one_line(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Numbers in lists stand on one line: a histogram has thousands of them.
bool is_compact(const Json& json) {
    return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& each) {
               return each.is_number() || (each.is_array() && is_compact(each));
           });
}

void write(std::string& text, const Json& json, std::size_t depth) {
    if (!json.is_structured() || json.empty() || is_compact(json)) {
        text += on_one_line(json);
        return;
    }
    const std::string indent((depth + 1) * 2, ' ');
    text += json.is_object() ? '{' : '[';
    const char* between = "\n";
    for (const auto& item : json.items()) {
        text += between + indent;
        if (json.is_object()) {
            text += on_one_line(item.key()) + ": ";
        }
        write(text, item.value(), depth + 1);
        between = ",\n";
    }
    text += "\n" + std::string(depth * 2, ' ') + (json.is_object() ? '}' : ']');
}

} // namespace

echod::Duration duration_of(double seconds) noexcept {
    constexpr double kMostSeconds = 9e9; // a duration holds some more
    return echod::Duration(std::llround(std::clamp(seconds, 0.0, kMostSeconds) * 1e9));
}

std::string write_json(const Json& json) {
    std::string text;
    write(text, json, 0);
    return text + "\n";
}

std::string write_json_line(const Json& json) {
    return on_one_line(json) + "\n";
}

} // namespace echoload
