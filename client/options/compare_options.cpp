// SPDX-License-Identifier: MIT
#include "client/options/compare_options.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace echoload {

std::optional<ComparedFigure> ComparedFigure::parse(std::string_view text) {
    ComparedFigure figure;
    figure.name = text;
    if (text == "rate" || text == "bytes" || text == "error-rate") {
        return figure;
    }
    for (const std::string_view latency : {"service", "response", "connect", "lag"}) {
        if (text.starts_with(latency) && text.substr(latency.size()).starts_with('.')) {
            figure.latency = latency;
            text.remove_prefix(latency.size() + 1);
            break;
        }
    }
    figure.of_time = LatencyFigure::parse(text);
    return figure.of_time ? std::optional(figure) : std::nullopt;
}

FailIf FailIf::parse(std::string_view text) {
    const std::size_t sign = text.find_first_of("<>");
    if (sign != std::string_view::npos && text.ends_with('%')) {
        const auto figure = ComparedFigure::parse(text.substr(0, sign));
        std::string_view number = text.substr(sign + 1, text.size() - sign - 2);
        const bool negative = number.starts_with('-');
        if (negative || number.starts_with('+')) {
            number.remove_prefix(1);
        }
        const auto percent = echod::parse_number(number);
        if (figure && percent) {
            return {std::string(text), *figure, text[sign] == '>', negative ? -*percent : *percent};
        }
    }
    throw std::invalid_argument(fmt::format(
        "must be FIGURE>+N% or FIGURE<-N%, with rate, bytes, error-rate, pN, min, mean or max, is "
        "'{}'",
        text));
}

} // namespace echoload
