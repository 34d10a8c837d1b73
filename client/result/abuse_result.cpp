// SPDX-License-Identifier: MIT
#include "client/result/abuse_result.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace echoload {

std::optional<std::string> unmet(AbuseMode mode, Expectation expectation,
                                 const AbuseCounts& counts) {
    const auto sentence = [&](std::string_view why, auto... figures) {
        return fmt::format("{} was expected to {}: {}", echod::enum_name(mode),
                           echod::enum_name(expectation),
                           fmt::format(fmt::runtime(why), figures...));
    };
    const std::uint64_t closed = counts.closed_by_fin + counts.closed_by_rst;
    if (counts.opened < counts.asked || counts.refused != 0) {
        return sentence("{} of {} connections were opened, {} refused", counts.opened, counts.asked,
                        counts.refused);
    }
    switch (expectation) {
    case Expectation::close:
        if (closed != counts.opened) {
            return sentence("the server closed {} of {}", closed, counts.opened);
        }
        break;
    case Expectation::keep:
        if (closed != 0) {
            return sentence("the server closed {} of {}", closed, counts.opened);
        }
        break;
    case Expectation::echo:
        if (counts.whole_messages == 0) {
            return sentence("no whole message was sent");
        }
        if (counts.echoed != counts.whole_messages || counts.wrong != 0) {
            return sentence("{} of {} messages were echoed, {} wrong", counts.echoed,
                            counts.whole_messages, counts.wrong);
        }
        break;
    }
    return std::nullopt;
}

std::vector<std::string> unmet(const AbuseOptions& options, const AbuseResult& result) {
    std::vector<std::string> sentences;
    for (std::size_t i = 0; i < kAbuseModes; ++i) {
        if (options.expected[i]) {
            if (auto why = unmet(static_cast<AbuseMode>(i), *options.expected[i], result[i])) {
                sentences.push_back(std::move(*why));
            }
        }
    }
    return sentences;
}

} // namespace echoload
