// SPDX-License-Identifier: MIT
#include "client/options/groups.hpp"

namespace echoload {

namespace {

constexpr std::uint64_t kMaxCoalesce = 1024;

} // namespace

void add_verify_options(OptionReader& reader, Options& options) {
    reader.add_choice("--verify",
                      "What to compare of an echo: full, every byte; header, type and size; off, "
                      "only the length [full]",
                      "LEVEL", options.verify);
    reader.add_choice("--on-mismatch",
                      "stop at the first wrong echo, or count wrong echoes and continue [stop]",
                      "WHAT", options.on_mismatch);
    reader.add_choice("--split",
                      "How to cut messages into send calls: " + echod::enum_choices<Split>() +
                          " [none]",
                      "HOW", options.split);
    reader.add("--coalesce",
               "Messages per send call; a connection waits until it may send that many [1]", "N",
               [&options](const std::string& text) {
                   options.coalesce = static_cast<std::uint32_t>(count_in(text, 1, kMaxCoalesce));
               });
}

void check_verify_options(const Options& options) {
    if (options.coalesce > options.pipeline) {
        throw std::invalid_argument(
            fmt::format("--coalesce: {0} messages per send call require a --pipeline of at least "
                        "{0}, is {1}",
                        options.coalesce, options.pipeline));
    }
    if (options.coalesce > 1 && options.split != Split::none) {
        throw std::invalid_argument("--coalesce joins messages and excludes --split");
    }
}

} // namespace echoload
