// SPDX-License-Identifier: MIT
// A JSON value with its place in a file, for errors that name both.
#pragma once

#include "base/clock.hpp"
#include "client/report/json_value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echoload {

/// A value in a file. Borrows the JSON, which outlives it. Each function throws BadResult, such as
/// "FILE: messages.sent: must be a whole number", where the value is not what it returns.
class JsonReader {
public:
    /// `place` is "FILE:" or "FILE: messages.sent".
    JsonReader(const Json& json, std::string place) : json_(&json), place_(std::move(place)) {}

    [[nodiscard]] const Json& json() const noexcept { return *json_; }
    [[nodiscard]] bool is_null() const noexcept { return json_->is_null(); }
    [[nodiscard]] const std::string& place() const noexcept { return place_; }

    /// The member of that name; where there is none, `field` throws and `find` is nothing.
    [[nodiscard]] JsonReader field(const char* key) const;
    [[nodiscard]] std::optional<JsonReader> find(const char* key) const;

    /// The items of a list, or the members of an object.
    [[nodiscard]] std::vector<JsonReader> list() const;
    [[nodiscard]] std::vector<std::pair<std::string, JsonReader>> members() const;

    [[nodiscard]] std::uint64_t count() const;          ///< a whole number from 0 on
    [[nodiscard]] echod::Duration duration() const;     ///< in nanoseconds, from 0 on
    [[nodiscard]] std::optional<double> number() const; ///< nothing where it is null
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] std::string text() const;

    /// Throws BadResult: `what` is "must be ...".
    [[noreturn]] void fail(std::string_view what) const;
    void require(bool holds, std::string_view what) const;

private:
    const Json* json_;
    std::string place_;
};

} // namespace echoload
