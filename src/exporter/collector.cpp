// SPDX-License-Identifier: MIT
#include "exporter/collector.hpp"

#include "base/unique_fd.hpp"
#include "exporter/exposition.hpp"
#include "net/socket.hpp"
#include "server/control/protocol.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <span>
#include <string_view>
#include <utility>

namespace echod {

namespace {

constexpr std::string_view kMetricsCommand = "stats prometheus\n";

// One instance that is asked, and its answer so far.
struct Inquiry {
    std::string name;
    UniqueFd fd; ///< closed: the answer is complete, or there will be none
    std::string answer;
    Duration took{};
};

// Sends the command; the socket's buffer takes it as a whole. There is no descriptor if it fails: a
// daemon that hangs has a full backlog (EAGAIN).
UniqueFd begin(const Instance& instance) {
    try {
        const Endpoint endpoint = control_endpoint(instance.stats_path, kStatsSocketName);
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (fd && ::connect(fd.get(), endpoint.address(), endpoint.length()) == 0 &&
            send_some(fd.get(), std::as_bytes(std::span(kMetricsCommand))).bytes ==
                kMetricsCommand.size()) {
            return fd;
        }
    } catch (const std::runtime_error&) { // the path is too long
    }
    return UniqueFd();
}

// Reads what is there. At the end of the answer, or of what is taken of it, the socket is closed.
void advance(Inquiry& inquiry, Duration since) {
    std::array<std::byte, 16'384> bytes{};
    for (;;) {
        const IoResult got = receive(inquiry.fd.get(), bytes);
        if (got.would_block()) {
            return;
        }
        inquiry.answer.append(reinterpret_cast<const char*>(bytes.data()), got.bytes);
        if (got.bytes == 0 || inquiry.answer.size() > Collector::kLongestAnswer) {
            inquiry.took = since;
            inquiry.fd.reset();
            return;
        }
    }
}

void wait_for_all(std::vector<Inquiry>& inquiries) {
    const TimePoint start = Clock::now();
    for (;;) {
        std::vector<pollfd> open;
        std::vector<Inquiry*> of;
        for (Inquiry& inquiry : inquiries) {
            if (inquiry.fd) {
                open.push_back({inquiry.fd.get(), POLLIN, 0});
                of.push_back(&inquiry);
            }
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(start + Collector::kTimeout -
                                                                       Clock::now());
        if (open.empty() || left.count() <= 0) {
            return;
        }
        if (::poll(open.data(), open.size(), static_cast<int>(left.count())) <= 0) {
            continue; // the timeout expired, or a signal came
        }
        for (std::size_t i = 0; i < open.size(); ++i) {
            if (open[i].revents != 0) {
                advance(*of[i], Clock::now() - start);
            }
        }
    }
}

bool add_answer(const Inquiry& inquiry, Exposition& exposition) {
    const std::string_view text = inquiry.answer;
    return !inquiry.fd && text.size() <= Collector::kLongestAnswer &&
           text.starts_with(kControlOk) &&
           exposition.add(text.substr(kControlOk.size()), inquiry.name);
}

} // namespace

Collector::Collector(std::string runtime, const std::vector<std::string>& expected)
    : runtime_(std::move(runtime)), names_(expected.begin(), expected.end()) {}

std::vector<Instance> Collector::known_instances() {
    std::vector<Instance> instances = find_instances(runtime_);
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names_) {
        if (std::none_of(instances.begin(), instances.end(),
                         [&name](const Instance& one) { return one.name == name; })) {
            instances.push_back(instance_named(name, runtime_));
        }
    }
    for (const Instance& instance : instances) {
        names_.insert(instance.name);
    }
    if (instances.empty()) {
        instances.push_back(instance_named("echod", runtime_));
    }
    return instances;
}

std::string Collector::collect() {
    std::vector<Inquiry> inquiries;
    for (const Instance& instance : known_instances()) {
        inquiries.push_back({instance.name, begin(instance), {}, {}});
    }
    wait_for_all(inquiries);
    Exposition exposition;
    exposition.add_gauge("echod_exporter_build_info", "The version of the exporter.",
                         "{version=\"" ECHOD_VERSION "\"}", 1);
    for (const Inquiry& inquiry : inquiries) {
        const std::string label = instance_label(inquiry.name);
        const bool up = add_answer(inquiry, exposition);
        exposition.add_gauge("echod_up", "1 if the instance answered, otherwise 0.", label,
                             up ? 1 : 0);
        if (up) {
            exposition.add_gauge("echod_answer_seconds",
                                 "How long the instance took to answer the exporter.", label,
                                 to_seconds(inquiry.took));
        }
    }
    return exposition.text();
}

} // namespace echod
