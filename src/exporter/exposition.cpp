// SPDX-License-Identifier: MIT
#include "exporter/exposition.hpp"

#include <fmt/format.h>

#include <optional>

namespace echod {

namespace {

constexpr std::string_view kHelp = "# HELP ";
constexpr std::string_view kType = "# TYPE ";

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        text += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
    return text;
}

// The family that a HELP or TYPE line names; nothing for another line.
std::optional<std::string_view> family_of(std::string_view line) {
    if (!line.starts_with(kHelp) && !line.starts_with(kType)) {
        return std::nullopt;
    }
    line.remove_prefix(kHelp.size());
    return line.substr(0, line.find(' '));
}

// A sample with one more label; empty if the line is none.
std::string labelled(std::string_view line, const std::string& label) {
    const std::size_t end = line.find_first_of("{ ");
    if (end == std::string_view::npos || end == 0) {
        return "";
    }
    const std::string_view name = line.substr(0, end);
    return line[end] == '{' ? fmt::format("{}{{{},{}\n", name, label, line.substr(end + 1))
                            : fmt::format("{}{{{}}}{}\n", name, label, line.substr(end));
}

} // namespace

std::string instance_label(std::string_view name) {
    return fmt::format("{{instance_name=\"{}\"}}", escaped(name));
}

Exposition::Family& Exposition::family(const std::string& name) {
    const auto [place, is_new] = by_name_.try_emplace(name, families_.size());
    if (is_new) {
        families_.emplace_back();
    }
    return families_[place->second];
}

bool Exposition::add(std::string_view text, std::string_view instance) {
    struct Part {
        std::string name;
        Family family;
    };
    std::vector<Part> parts;
    const std::string label = fmt::format("instance_name=\"{}\"", escaped(instance));
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (end == std::string_view::npos) {
            return false; // the last line is cut off
        }
        text.remove_prefix(end + 1);
        if (const auto name = family_of(line)) {
            if (parts.empty() || parts.back().name != *name) {
                parts.push_back({std::string(*name), {}});
            }
            parts.back().family.head += std::string(line) + "\n";
            continue;
        }
        const std::string sample = labelled(line, label);
        if (parts.empty() || sample.empty()) {
            return false;
        }
        parts.back().family.samples += sample;
    }
    for (Part& part : parts) {
        Family& all = family(part.name);
        all.head = all.head.empty() ? part.family.head : all.head;
        all.samples += part.family.samples;
    }
    return !parts.empty();
}

void Exposition::add_gauge(const std::string& name, std::string_view help,
                           const std::string& labels, double value) {
    Family& all = family(name);
    if (all.head.empty()) {
        all.head = fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
    }
    all.samples += fmt::format("{}{} {}\n", name, labels, value);
}

std::string Exposition::text() const {
    std::string text;
    for (const Family& family : families_) {
        text += family.head + family.samples;
    }
    return text;
}

} // namespace echod
