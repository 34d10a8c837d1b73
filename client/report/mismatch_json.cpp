// SPDX-License-Identifier: MIT
#include "client/report/mismatch_json.hpp"

#include <fmt/format.h>

#include <string>

namespace echoload {

namespace {

std::string hex(const std::vector<std::byte>& bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        text += fmt::format("{:02x}", static_cast<unsigned>(byte));
    }
    return text;
}

// The value of a hexadecimal digit, or 16.
unsigned digit_value(char digit) {
    const std::size_t value = std::string_view("0123456789abcdef").find(digit);
    return value == std::string_view::npos ? 16 : static_cast<unsigned>(value);
}

std::vector<std::byte> read_hex(const JsonReader& value) {
    const std::string text = value.text();
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const unsigned high = digit_value(text[i]);
        const unsigned low = i + 1 < text.size() ? digit_value(text[i + 1]) : 16;
        value.require(high < 16 && low < 16, "must be pairs of hexadecimal digits");
        bytes.push_back(static_cast<std::byte>(high * 16 + low));
    }
    return bytes;
}

Json origin_json(const std::optional<Origin>& origin) {
    if (!origin) {
        return nullptr;
    }
    return {{"connection", origin->connection},
            {"sequence", origin->sequence},
            {"offset", origin->offset}};
}

std::optional<Origin> read_origin(const JsonReader& value) {
    if (value.is_null()) {
        return std::nullopt;
    }
    return Origin{value.field("connection").count(), value.field("sequence").count(),
                  static_cast<std::size_t>(value.field("offset").count())};
}

Mismatch read_mismatch(const JsonReader& row) {
    Mismatch mismatch;
    const JsonReader kind = row.field("kind");
    const auto known = echod::enum_value<MismatchKind>(kind.text());
    kind.require(known.has_value(), "must be " + echod::enum_choices<MismatchKind>());
    mismatch.kind = *known;
    mismatch.connection = row.field("connection").count();
    mismatch.local = row.field("local").text();
    mismatch.peer = row.field("peer").text();
    mismatch.sequence = row.field("sequence").count();
    mismatch.length = row.field("length").count();
    mismatch.offset = row.field("offset").count();
    mismatch.came = read_origin(row.field("came"));
    mismatch.window = row.field("excerpt_offset").count();
    mismatch.expected = read_hex(row.field("expected_hex"));
    mismatch.received = read_hex(row.field("received_hex"));
    return mismatch;
}

} // namespace

Json mismatches_json(const std::vector<Mismatch>& list) {
    Json rows = Json::array();
    for (const Mismatch& mismatch : list) {
        rows.push_back({
            {"kind", echod::enum_name(mismatch.kind)},
            {"connection", mismatch.connection},
            {"local", mismatch.local},
            {"peer", mismatch.peer},
            {"sequence", mismatch.sequence},
            {"length", mismatch.length},
            {"offset", mismatch.offset},
            {"came", origin_json(mismatch.came)},
            {"excerpt_offset", mismatch.window},
            {"expected_hex", hex(mismatch.expected)},
            {"received_hex", hex(mismatch.received)},
        });
    }
    return rows;
}

std::vector<Mismatch> read_mismatch_list(const JsonReader& list) {
    std::vector<Mismatch> mismatches;
    for (const JsonReader& row : list.list()) {
        mismatches.push_back(read_mismatch(row));
    }
    return mismatches;
}

} // namespace echoload
