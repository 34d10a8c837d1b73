// SPDX-License-Identifier: MIT
#include "client/options/parse.hpp"

#include "client/options/groups.hpp"

#include <random>

namespace echoload {

namespace {

constexpr const char* kDescription =
    "echoload sends random messages to echo servers, verifies every echo byte for byte, and\n"
    "reports rate, latency and errors.";

constexpr const char* kFooter = R"(
Numbers take k, M or an exponent (10k, 1.5M, 1e5). Durations take ns, us, ms, s, m or h (250us, 5m).
echoload repeat TARGET... runs a load several times, echoload search finds the highest rate that
holds, echoload sweep shows latency over rate; echoload show FILE..., echoload merge FILE... and
echoload compare A B process results: see echoload show --help.
A lost connection is replaced with --reconnect alone. SIGINT, SIGTERM, SIGHUP and SIGQUIT end the
run, which still reports; SIGHUP does not end a probe: -d forever with --metrics, --metrics-file or
--journal.

Exit status: 0 success; 1 the run was not possible; 2 wrong usage; 3 a gate failed; 4 an echo was
wrong; 5 the load was not delivered (connections failed or were lost, messages were not answered,
the rate was not reached) or nothing was measured; 6 a gate is undecided; 129, 130, 131 or
143 interrupted. If several apply, the first of 4, 129 to 143, 1, 5, 3 and 6 is returned.
With --format nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
)";

} // namespace

std::uint64_t random_seed() {
    std::random_device device; // 32 bits are short enough to type
    return device();
}

void set_default_length(Options& options) {
    if (options.pace && !options.pace->stages.empty()) {
        options.duration = length_of(options.pace->stages);
    } else if (!options.duration && !options.messages && !options.forever) {
        options.duration = std::chrono::seconds(10);
    }
}

void add_run_options(OptionReader& reader, Options& options, const RunOptionRules& rules) {
    reader.begin_group("Load");
    add_load_options(reader, options, rules);
    reader.begin_group("Pace");
    add_pace_options(reader, options, rules);
    reader.begin_group("Connections");
    add_connection_options(reader, options);
    reader.begin_group("Verification and framing");
    add_verify_options(reader, options);
    reader.begin_group("Misbehaving connections");
    add_abuse_options(reader, options);
}

void check_run_options(const Options& options) {
    check_pace(options);
    check_verify_options(options);
    check_abuse_options(options);
}

std::variant<Options, NoRun> parse_options(int argc, const char* const* argv) {
    Options options;
    options.seed = random_seed();
    OptionReader reader("echoload", kDescription);
    reader.set_footer(kFooter);
    reader.set_version(std::string("echoload ") + ECHOD_VERSION);
    add_run_options(reader, options);
    reader.begin_group("Several machines");
    add_machine_options(reader, options);
    reader.begin_group("Result");
    add_output_options(reader, options);
    add_gate_options(reader, options);
    add_percentiles_option(reader, options);
    reader.begin_group("Probe");
    add_probe_options(reader, options);
    const auto check = [&options] {
        take_part(options);
        check_run_options(options);
        check_report_options(options);
    };
    if (auto none = reader.read(argc, argv, check)) {
        return *none;
    }
    set_default_length(options);
    options.quiet = options.quiet || options.format == Format::nagios; // which prints one line
    return options;
}

} // namespace echoload
