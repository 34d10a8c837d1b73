// SPDX-License-Identifier: MIT
#include "client/options.hpp"

#include "client/option_reader.hpp"

#include <random>

namespace echoload {

namespace {

constexpr const char* kDescription = "echoload sends random messages to echo servers, verifies "
                                     "every echo byte for byte and reports\n"
                                     "rate, latency and errors.";

constexpr const char* kFooter = R"(
Numbers take k and M (10k, 1.5M); durations are 250us, 10ms, 30s, 5m, 1h.
echoload merge FILE... and echoload compare A B work on results: see echoload merge --help.
A connection that is lost is not replaced. SIGINT and SIGTERM end the run with its report.

Exit status: 0 all well; 1 the run was not possible; 2 wrong usage; 3 a gate failed; 4 an echo was
wrong; 5 the load was not delivered (connections failed or were lost, messages were not answered,
the rate was not kept); 130 or 143 interrupted. Where several apply: 4, then 130/143, then 1, then
5, then 3.
)";

std::uint64_t random_seed() {
    std::random_device device; // 32 bits: short enough to be typed again
    return device();
}

} // namespace

std::string_view to_string(Close close) noexcept {
    switch (close) {
    case Close::fin:
        return "fin";
    case Close::half:
        return "half";
    case Close::reset:
        return "rst";
    }
    return "unknown";
}

std::variant<Options, NoRun> parse_options(int argc, const char* const* argv) {
    Options options;
    options.seed = random_seed();
    OptionReader reader(kDescription, "echoload");
    reader.fit_help();
    reader.set_footer(kFooter);
    reader.set_version(std::string("echoload ") + ECHOD_VERSION);
    reader.begin_group("Load");
    add_load_options(reader, options);
    reader.begin_group("Pace");
    add_pace_options(reader, options);
    reader.begin_group("Connections");
    add_ending_options(reader, options);
    reader.begin_group("Verification and framing");
    add_verify_options(reader, options);
    reader.begin_group("Misbehaving connections");
    add_abuse_options(reader, options);
    reader.begin_group("Result");
    add_report_options(reader, options);
    const auto check = [&options] {
        check_pace(options);
        check_verify_options(options);
        check_abuse_options(options);
    };
    if (auto none = reader.read(argc, argv, check)) {
        return *none;
    }
    if (!options.duration && !options.messages) {
        options.duration = std::chrono::seconds(10);
    }
    return options;
}

} // namespace echoload
