// SPDX-License-Identifier: MIT
// JSON values, and how they are written. Other rooms see this header only through results that
// were read from a file.
#pragma once

#include "base/clock.hpp"
#include "client/measure/utc.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace echoload {

/// Keeps the order in which fields are written, which is that of the text.
using Json = nlohmann::ordered_json;

/// The value, or null where there is none.
template <class T>
[[nodiscard]] Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

/// Nanoseconds, or null.
[[nodiscard]] inline Json ns_or_null(std::optional<echod::Duration> duration) {
    return duration ? Json(duration->count()) : Json(nullptr);
}

/// In seconds.
[[nodiscard]] inline std::optional<double> seconds_of(std::optional<echod::Duration> duration) {
    return duration ? std::optional(echod::to_seconds(*duration)) : std::nullopt;
}

/// `seconds` as a duration; what is longer than a duration can be, or none, becomes the nearest.
[[nodiscard]] echod::Duration duration_of(double seconds) noexcept;

/// The member of that name of an object, which has the type T; nothing where it is null or missing,
/// or `object` is null.
template <class T>
[[nodiscard]] std::optional<T> value_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? std::nullopt
                                                     : std::optional(found->template get<T>());
}

/// JSON text: two spaces a level, lists of numbers on one line. Bytes that are not UTF-8, which the
/// name of a target may have, become U+FFFD.
[[nodiscard]] std::string write_json(const Json& json);

/// JSON text on one line, with its newline.
[[nodiscard]] std::string write_json_line(const Json& json);

} // namespace echoload
