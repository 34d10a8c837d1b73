// SPDX-License-Identifier: MIT
#include "client/option_reader.hpp"

namespace echoload {

namespace {

constexpr std::uint64_t kMaxCoalesce = 1024;

} // namespace

void add_verify_options(OptionReader& reader, Options& options) {
    reader.add_choice<VerifyLevel>(
        "--verify",
        "what of an echo is compared: full, header or off, its length alone "
        "[full]",
        "LEVEL", options.verify,
        {{"full", VerifyLevel::full}, {"header", VerifyLevel::header}, {"off", VerifyLevel::off}});
    reader.add_choice<bool>("--on-mismatch",
                            "stop at the first wrong echo, or count them and go on [stop]", "WHAT",
                            options.count_mismatches, {{"stop", false}, {"count", true}});
    reader.add_choice<Split>(
        "--split", "how messages are cut into send calls: none, random, byte or header [none]",
        "HOW", options.split,
        {{"none", Split::none},
         {"random", Split::random},
         {"byte", Split::byte},
         {"header", Split::header}});
    reader.add("--coalesce", "messages to a send call; waits until so many may be sent [1]", "N",
               [&options](const std::string& text) {
                   options.coalesce = static_cast<std::uint32_t>(count_in(text, 1, kMaxCoalesce));
               });
}

void check_verify_options(const Options& options) {
    if (options.coalesce > options.pipeline) {
        throw std::invalid_argument(
            fmt::format("--coalesce: {0} messages to a send call need a --pipeline of {0} or more, "
                        "is {1}",
                        options.coalesce, options.pipeline));
    }
    if (options.coalesce > 1 && options.split != Split::none) {
        throw std::invalid_argument("--coalesce: --split cuts what it would join; ask for one");
    }
    if (options.coalesce > 1 && options.pace) {
        throw std::invalid_argument(
            "--coalesce: --rate says when each message is sent; ask for one");
    }
}

} // namespace echoload
