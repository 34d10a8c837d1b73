// SPDX-License-Identifier: MIT
// Merges what several instances print into one text.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace echod {

/// Metrics in version 0.0.4 of Prometheus' text format. It wants the samples of a family together,
/// whatever instance they are of.
class Exposition {
public:
    /// Adds the output of `echod --stats prometheus`, with the label instance_name="`instance`" in
    /// front of the others. Returns false, with nothing added, if it is not in the format. Throws
    /// std::bad_alloc.
    [[nodiscard]] bool add(std::string_view text, std::string_view instance);

    /// Adds one sample of a gauge of the exporter. `labels`: `{name="value"}`, or empty. Throws
    /// std::bad_alloc.
    void add_gauge(const std::string& name, std::string_view help, const std::string& labels,
                   double value);

    /// The text so far.
    [[nodiscard]] std::string text() const;

private:
    struct Family {
        std::string head; ///< its HELP and TYPE
        std::string samples;
    };
    Family& family(const std::string& name);

    std::vector<Family> families_; ///< in the order in which they came
    std::map<std::string, std::size_t, std::less<>> by_name_;
};

/// `{instance_name="NAME"}`. Throws std::bad_alloc.
[[nodiscard]] std::string instance_label(std::string_view name);

} // namespace echod
