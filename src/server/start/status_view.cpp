// SPDX-License-Identifier: MIT
#include "server/start/status_view.hpp"

#include "base/clock.hpp"
#include "net/signal_fd.hpp"
#include "server/control/instances.hpp"
#include "server/control/query.hpp"
#include "server/start/output.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace echod {

namespace {

constexpr Duration kOnlyTimeout = std::chrono::seconds(30);
// One of several that hangs must not hide the others for long.
constexpr Duration kEachTimeout = std::chrono::seconds(3);
constexpr int kRedrawMs = 1000;

// What one daemon answered.
struct Shown {
    std::string name;
    std::string text; ///< the state, or why there is none
    bool ok = false;
};

Shown ask_for_status(const std::string& name, const std::string& path) {
    try {
        ControlAnswer answer = query_state(path, "status", kEachTimeout);
        return {name, std::move(answer.text), answer.ok};
    } catch (const QueryError& error) {
        return {name, fmt::format("{}\n", error.what()), false};
    }
}

std::vector<Instance> wanted_instances(const std::optional<std::string>& control_path) {
    if (control_path) {
        return {{*control_path, *control_path, {}}};
    }
    std::vector<Instance> found = find_instances();
    if (found.empty()) { // says where it would be
        found.push_back(instance_named("echod", std::string(kRuntimeDirectory)));
    }
    return found;
}

std::vector<Shown> ask_all(const std::optional<std::string>& control_path) {
    std::vector<Shown> all;
    for (const Instance& instance : wanted_instances(control_path)) {
        all.push_back(ask_for_status(instance.name, instance.control_path));
    }
    return all;
}

std::string joined(const std::vector<Shown>& all) {
    std::string text;
    for (const Shown& one : all) {
        text += text.empty() ? "" : "\n";
        text += all.size() > 1 ? fmt::format("{}:\n", one.name) : "";
        text += one.text;
    }
    return text;
}

// In place of what is on the terminal, as far as it has room: more would scroll.
std::string redrawn(std::string_view text) {
    winsize size{};
    const int rows =
        ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - 1 : 1000;
    std::string drawn = "\033[H";
    for (int row = 0; row < rows && !text.empty(); ++row) {
        const std::size_t end = text.find('\n');
        drawn += fmt::format("{}\033[K\n", text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return drawn + "\033[J";
}

int watch_status(const std::optional<std::string>& control_path) {
    SignalFd signals{SIGINT, SIGTERM};
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    if (terminal) {
        fmt::print("\033[2J");
    }
    for (;;) {
        const std::string text = joined(ask_all(control_path));
        fmt::print("{}", terminal ? redrawn(text) : text + "\n");
        if (const int failed = flush_output(); failed != 0) {
            return failed;
        }
        pollfd ready{signals.fd(), POLLIN, 0};
        if (::poll(&ready, 1, kRedrawMs) > 0) {
            return 0;
        }
    }
}

} // namespace

int show_status(const std::optional<std::string>& control_path, bool watch) {
    if (watch) {
        return watch_status(control_path);
    }
    const std::vector<Instance> instances = wanted_instances(control_path);
    if (instances.size() == 1) {
        const ControlAnswer answer =
            query_state(instances.front().control_path, "status", kOnlyTimeout);
        fmt::print(answer.ok ? stdout : stderr, "{}", answer.text);
        return answer.ok ? flush_output() : 1;
    }
    const std::vector<Shown> all = ask_all(control_path);
    fmt::print("{}", joined(all));
    int status = flush_output();
    for (const Shown& one : all) {
        status = one.ok ? status : 1;
    }
    return status;
}

} // namespace echod
