// SPDX-License-Identifier: MIT
#include "client/report/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace echoload {

namespace {

using Out = std::back_insert_iterator<std::string>;

// Room for the labels around the plot.
constexpr double kLeft = 62;
constexpr double kRight = 14;
constexpr double kTop = 10;
constexpr double kBottom = 44;
constexpr double kTextWidth = 7.5;  // of a character, about, in a wide font
constexpr double kFinest = 0.4;     // a move shorter than this is not seen
constexpr double kTickSpacing = 16; // between labels of the y axis, at least

struct Plot {
    const Chart& chart;
    double width;
    double height;

    [[nodiscard]] double x(double value) const {
        return kLeft + chart.x.place(value) * (width - kLeft - kRight);
    }
    [[nodiscard]] double y(double value) const {
        return height - kBottom - chart.y.place(value) * (height - kTop - kBottom);
    }
};

// At least wide enough to be seen; one that lies outside of the axis is not drawn.
void write_bands(Out out, const Plot& plot) {
    constexpr double kLeastWidth = 2;
    for (const Band& band : plot.chart.bands) {
        if (band.from < plot.chart.x.high && band.to >= plot.chart.x.low) {
            fmt::format_to(out,
                           "<rect class=\"band\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                           "height=\"{:.1f}\"/>",
                           plot.x(band.from), kTop,
                           std::max(plot.x(band.to) - plot.x(band.from), kLeastWidth),
                           plot.height - kBottom - kTop);
        }
    }
}

// A label that would run into the one before is left out; its line of the grid stays.
void write_x_ticks(Out out, const Plot& plot) {
    double free_from = 0;
    for (const Tick& tick : plot.chart.x.ticks) {
        const double x = plot.x(tick.value);
        const double half = kTextWidth * static_cast<double>(tick.label.size()) / 2;
        fmt::format_to(out, "<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, kTop,
                       plot.height - kBottom);
        const double centre = std::min(x, plot.width - half);
        if (centre - half >= free_from) {
            fmt::format_to(out, "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"middle\">{}</text>",
                           centre, plot.height - kBottom + 17, escape(tick.label));
            free_from = centre + half + kTextWidth;
        }
    }
}

void write_y_ticks(Out out, const Plot& plot) {
    double free_below = plot.height;
    for (const Tick& tick : plot.chart.y.ticks) {
        const double y = plot.y(tick.value);
        fmt::format_to(out, "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kLeft, y,
                       plot.width - kRight);
        if (y <= free_below) {
            fmt::format_to(out, "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"end\">{}</text>",
                           kLeft - 7, y + 4, escape(tick.label));
            free_below = y - kTickSpacing;
        }
    }
}

void write_line(Out out, const Plot& plot, const Line& line, std::size_t number) {
    fmt::format_to(out, "<path class=\"line line{}\" d=\"", number);
    const char* command = "M";
    double last_x = -1;
    double last_y = -1;
    for (const Line::Point& point : line.points) {
        if (!std::isfinite(point.x) || !std::isfinite(point.y)) {
            command = "M";
            continue;
        }
        const double x = plot.x(point.x);
        const double y = plot.y(point.y);
        if (*command == 'M' || std::hypot(x - last_x, y - last_y) >= kFinest) {
            fmt::format_to(out, "{}{:.1f} {:.1f}", command, x, y);
            // A lone point is a dot: round caps show a line without a length.
            if (*command == 'M') {
                fmt::format_to(out, "h0");
            }
            last_x = x;
            last_y = y;
            command = "L";
        }
    }
    fmt::format_to(out, "\"/>");
}

// One on the other, each wide as the time that it is about.
void write_bars(Out out, const Plot& plot, double from, const Line& line, std::size_t number) {
    for (const Line::Point& point : line.points) {
        if (std::isfinite(point.y)) {
            fmt::format_to(out,
                           "<path class=\"bar line{}\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}V{:.1f}\"/>",
                           number, plot.x(from), plot.height - kBottom, plot.y(point.y),
                           plot.x(point.x), plot.height - kBottom);
        }
    }
}

constexpr const char* kReplacement = "\xef\xbf\xbd"; // U+FFFD

// What stands for a character that has a meaning in HTML; null where it has none.
const char* entity_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return nullptr;
    }
}

bool is_forbidden(char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

// Bytes of the UTF-8 character at the beginning of `text`, which is not empty; 0 where these bytes
// are no such character.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t length = first < 0xc2   ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) {
            return 0;
        }
    }
    // Overlong forms, surrogates and what is above U+10FFFF.
    const unsigned second = byte(1);
    const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return wrong ? 0 : length;
}

} // namespace

std::string escape(std::string_view text) {
    std::string escaped;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (length > 1) {
            escaped += text.substr(0, length);
        } else if (const char* const entity = entity_of(c); entity != nullptr) {
            escaped += entity;
        } else if (length == 0 || is_forbidden(c)) {
            escaped += kReplacement;
        } else {
            escaped += c;
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return escaped;
}

double Axis::place(double value) const noexcept {
    const double share = logarithmic ? std::log(std::max(value, low) / low) / std::log(high / low)
                                     : (value - low) / (high - low);
    return std::clamp(share, 0.0, 1.0);
}

std::string svg(const Chart& chart, int width, int height) {
    const Plot plot{chart, static_cast<double>(width), static_cast<double>(height)};
    std::string text;
    const Out out(text);
    fmt::format_to(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
                   "aria-labelledby=\"{2}-{0}-title {2}-{0}-desc\">"
                   "<title id=\"{2}-{0}-title\">{3}</title><desc id=\"{2}-{0}-desc\">{4}</desc>",
                   width, height, chart.id, escape(chart.title), escape(chart.description));
    write_bands(out, plot);
    write_x_ticks(out, plot);
    write_y_ticks(out, plot);
    fmt::format_to(out, "<path class=\"axis\" d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\"/>", kLeft,
                   kTop, plot.height - kBottom, plot.width - kRight);
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
        if (chart.bars_from) {
            write_bars(out, plot, *chart.bars_from, chart.lines[i], i);
        } else {
            write_line(out, plot, chart.lines[i], i);
        }
    }
    fmt::format_to(out, "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"middle label\">{}</text></svg>",
                   kLeft + (plot.width - kLeft - kRight) / 2, plot.height - 6,
                   escape(chart.x.label));
    return text;
}

Axis linear_axis(double largest, std::string label,
                 const std::function<std::string(double)>& text) {
    const double safe = largest > 0 && std::isfinite(largest) ? largest : 1;
    double step = std::pow(10, std::floor(std::log10(safe / 2)));
    for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
        if (safe / (step * factor) <= 5) {
            step *= factor;
            break;
        }
    }
    Axis axis{0, step * std::ceil(safe / step), false, {}, std::move(label)};
    const int count = static_cast<int>(std::lround(axis.high / step));
    for (int i = 0; i <= count; ++i) {
        axis.ticks.push_back({step * i, text(step * i)});
    }
    return axis;
}

Axis logarithmic_axis(double smallest, double largest, std::string label,
                      const std::function<std::string(double)>& text) {
    constexpr double kManyPowers = 2.5;
    const double powers = std::log10(largest / smallest);
    const bool fine = powers < kManyPowers;
    // Down and up to the next ticks, so that the axis ends at a label.
    const auto is_tick = [fine](int step) { return fine || step % 3 == 0; };
    const auto value_of = [](int step) { // 1, 2, 5, 10, 20, ...
        static constexpr double kFactors[] = {1, 2, 5};
        const int power = static_cast<int>(std::floor(step / 3.0));
        return kFactors[step - 3 * power] * std::pow(10, power);
    };
    int first = 3 * static_cast<int>(std::floor(std::log10(smallest)));
    while (value_of(first + 1) <= smallest * 1.000001) {
        ++first;
    }
    while (!is_tick(first)) {
        --first;
    }
    Axis axis{value_of(first), 0, true, {}, std::move(label)};
    for (int step = first;; ++step) {
        if (is_tick(step)) {
            axis.high = value_of(step);
            axis.ticks.push_back({axis.high, text(axis.high)});
            if (axis.high >= largest && axis.ticks.size() > 1) {
                return axis;
            }
        }
    }
}

} // namespace echoload
