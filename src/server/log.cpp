// SPDX-License-Identifier: MIT
#include "server/log.hpp"

#include "server/log_sinks.hpp"

#include <climits>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace echod {

namespace {

constexpr const char* kIdentifier = "echod";
constexpr std::string_view kJournalSocket = "/run/systemd/journal/socket";

// The priorities of syslog(3).
int priority_of(spdlog::level::level_enum level) noexcept {
    switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
        return 7;
    case spdlog::level::info:
        return 6;
    case spdlog::level::warn:
        return 4;
    case spdlog::level::err:
        return 3;
    default:
        return 2;
    }
}

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::debug:
        return spdlog::level::debug;
    case LogLevel::info:
        return spdlog::level::info;
    case LogLevel::warning:
        return spdlog::level::warn;
    case LogLevel::error:
        break;
    }
    return spdlog::level::err;
}

std::string_view view(const spdlog::string_view_t& text) noexcept {
    return {text.data(), text.size()};
}

// NAME=value\n, or for a value with a newline: NAME\n, its length as 64 bits little-endian,
// value\n.
void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    if (value.find('\n') == std::string_view::npos) {
        out += '=';
    } else {
        out += '\n';
        for (unsigned byte = 0; byte < 8; ++byte) {
            out += static_cast<char>((value.size() >> (8U * byte)) & 0xffU);
        }
    }
    out += value;
    out += '\n';
}

} // namespace

bool is_journal(int fd) {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(fd, &status) != 0) {
        return false;
    }
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

void DroppingSink::sink_it_(const spdlog::details::log_msg& message) {
    if (!write_line(message)) {
        ++dropped_;
        return;
    }
    if (dropped_ != 0) {
        const std::string text =
            fmt::format("{} log lines before this could not be written and were dropped", dropped_);
        if (write_line({kIdentifier, spdlog::level::warn, text})) {
            dropped_ = 0;
        }
    }
}

namespace {

sockaddr_un journal_address() noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    kJournalSocket.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

} // namespace

JournalSink::JournalSink() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

bool JournalSink::somebody_listens() const noexcept {
    const sockaddr_un address = journal_address();
    const UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return fd_ && probe &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool JournalSink::write_line(const spdlog::details::log_msg& message) noexcept {
    try {
        datagram_.clear();
        append_field(datagram_, "MESSAGE", view(message.payload));
        append_field(datagram_, "PRIORITY", std::to_string(priority_of(message.level)));
        append_field(datagram_, "SYSLOG_IDENTIFIER", kIdentifier);
        for (const auto& [name, value] : std::exchange(fields_, {})) {
            append_field(datagram_, name, value);
        }
    } catch (const std::bad_alloc&) {
        return false;
    }
    const sockaddr_un address = journal_address();
    const ssize_t sent =
        ::sendto(fd_.get(), datagram_.data(), datagram_.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return sent >= 0;
}

bool StderrSink::write_line(const spdlog::details::log_msg& message) noexcept {
    try {
        std::string line;
        if (prefix_priority_) {
            line = fmt::format("<{}>", priority_of(message.level));
        } else {
            const auto since_epoch = message.time.time_since_epoch();
            const auto ms =
                std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count() % 1000;
            line = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {:7} ",
                               fmt::gmtime(spdlog::log_clock::to_time_t(message.time)), ms,
                               view(spdlog::level::to_string_view(message.level)));
        }
        line += view(message.payload);
        // A pipe that nobody empties must not stop the loop; poll(2) says POLLOUT only where a
        // write of PIPE_BUF bytes would not wait (pipe(7)), so no line may be longer.
        line.resize(std::min<std::size_t>(line.size(), PIPE_BUF - 1));
        line += '\n';
        pollfd out{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) {
            return false;
        }
        return ::write(STDERR_FILENO, line.data(), line.size()) >= 0;
    } catch (const std::exception&) {
        return false;
    }
}

Log::Log(LogTarget target, LogLevel level) {
    const bool stderr_to_journal = is_journal(STDERR_FILENO);
    if (target == LogTarget::journal || (target == LogTarget::automatic && stderr_to_journal)) {
        journal_ = std::make_shared<JournalSink>();
    }
    // Asked for by name where there is none, it would swallow even why a start failed.
    const bool missing = target == LogTarget::journal && !journal_->somebody_listens();
    if (missing) {
        journal_.reset();
    }
    spdlog::sink_ptr sink = journal_;
    if (sink == nullptr) {
        sink = std::make_shared<StderrSink>(stderr_to_journal);
    }
    logger_ = std::make_unique<spdlog::logger>(kIdentifier, std::move(sink));
    set_level(level);
    if (missing) {
        logger_->warn(
            "log.target is \"journal\", but no journald answers at {}: logging to standard "
            "error",
            kJournalSocket);
    }
}

Log::~Log() = default;

void Log::set_level(LogLevel level) {
    logger_->set_level(to_spdlog(level));
}

bool Log::writes(LogLevel level) const noexcept {
    return logger_->should_log(to_spdlog(level));
}

void Log::entry(LogLevel level, std::string_view message_id, std::vector<JournalField> fields,
                const std::string& text) {
    if (!writes(level)) {
        return;
    }
    if (journal_ != nullptr) {
        fields.emplace_back("MESSAGE_ID", message_id);
        journal_->set_fields(std::move(fields));
    }
    logger_->log(to_spdlog(level), text);
}

} // namespace echod
