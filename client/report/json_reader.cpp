// SPDX-License-Identifier: MIT
#include "client/report/json_reader.hpp"

#include "client/result/bad_result.hpp"

#include <fmt/format.h>

namespace echoload {

namespace {

std::string within(const std::string& place, std::string_view key) {
    return fmt::format("{}{}{}", place, place.ends_with(':') ? " " : ".", key);
}

} // namespace

void JsonReader::fail(std::string_view what) const {
    throw BadResult(fmt::format("{}{} {}", place_, place_.ends_with(':') ? "" : ":", what));
}

void JsonReader::require(bool holds, std::string_view what) const {
    if (!holds) {
        fail(what);
    }
}

std::optional<JsonReader> JsonReader::find(const char* key) const {
    require(json_->is_object(), "must be an object");
    const auto found = json_->find(key);
    return found == json_->end() ? std::nullopt
                                 : std::optional(JsonReader(*found, within(place_, key)));
}

JsonReader JsonReader::field(const char* key) const {
    const auto found = find(key);
    if (!found) {
        JsonReader(*json_, within(place_, key)).fail("is missing");
    }
    return *found;
}

std::vector<JsonReader> JsonReader::list() const {
    require(json_->is_array(), "must be a list");
    std::vector<JsonReader> items;
    items.reserve(json_->size());
    for (std::size_t i = 0; i < json_->size(); ++i) {
        items.emplace_back((*json_)[i], fmt::format("{}[{}]", place_, i));
    }
    return items;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
    require(json_->is_object(), "must be an object");
    std::vector<std::pair<std::string, JsonReader>> all;
    for (const auto& item : json_->items()) {
        all.emplace_back(item.key(), JsonReader(item.value(), within(place_, item.key())));
    }
    return all;
}

std::uint64_t JsonReader::count() const {
    require(json_->is_number_unsigned() ||
                (json_->is_number_integer() && json_->get<std::int64_t>() >= 0),
            "must be a whole number");
    return json_->get<std::uint64_t>();
}

echod::Duration JsonReader::duration() const {
    const std::uint64_t ns = count();
    require(ns <= static_cast<std::uint64_t>(echod::Duration::max().count()), "is too large");
    return echod::Duration(static_cast<std::int64_t>(ns));
}

std::optional<double> JsonReader::number() const {
    require(json_->is_number() || json_->is_null(), "must be a number or null");
    return json_->is_null() ? std::nullopt : std::optional(json_->get<double>());
}

bool JsonReader::boolean() const {
    require(json_->is_boolean(), "must be true or false");
    return json_->get<bool>();
}

std::string JsonReader::text() const {
    require(json_->is_string(), "must be a text");
    return json_->get<std::string>();
}

} // namespace echoload
