// SPDX-License-Identifier: MIT
#include "client/report/output_file.hpp"

#include "base/nonblocking.hpp"
#include "base/sys_error.hpp"
#include "client/result/not_possible.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace echoload {

namespace {

constexpr std::size_t kMostPending = std::size_t{64} << 20U;
constexpr mode_t kNewFile = 0666;

bool is_standard_output(const std::string& path) {
    return path.empty() || path == "-";
}

struct stat status_of(int fd) {
    struct stat status {};
    (void)::fstat(fd, &status);
    return status;
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t size = ::write(fd, text.data(), text.size());
        if (size < 0 && errno != EINTR) {
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    return true;
}

// Where a symbolic link points, also where nothing is there.
std::string without_links(std::string place) {
    constexpr int kMostLinks = 40; // path_resolution(7)
    std::error_code error;
    for (int links = 0; links < kMostLinks; ++links) {
        const auto target = std::filesystem::read_symlink(place, error);
        if (error) {
            break;
        }
        place = (std::filesystem::path(place).parent_path() / target).string();
    }
    return place;
}

// Replaces what is in a file that exists by what is in another one. Returns 0 or an errno.
int copy_into(const std::string& from, const std::string& to) {
    const echod::UniqueFd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    const echod::UniqueFd target(
        source ? ::open(to.c_str(), O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC) : -1);
    if (!target) {
        return errno;
    }
    std::array<char, 65536> part{};
    for (;;) {
        const ssize_t size = ::read(source.get(), part.data(), part.size());
        if (size == 0) {
            return 0;
        }
        if (size < 0 || !write_all(target.get(), {part.data(), static_cast<std::size_t>(size)})) {
            return errno;
        }
    }
}

} // namespace

OutputStream::OutputStream(int fd) : fd_(fd) {
    const struct stat status = status_of(fd);
    socket_ = S_ISSOCK(status.st_mode);
    const bool is_written = (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    if (is_written && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        own_ = echod::open_again(fd);
        polled_ = !own_;
    }
}

ssize_t OutputStream::write_some(std::string_view text) const noexcept {
    if (socket_) {
        return ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (polled_) {
        return echod::write_interruptibly(fd_, text);
    }
    return ::write(fd(), text.data(), text.size());
}

OutputFile::OutputFile(const std::string& path, Interruptions& interruptions, Kind kind)
    : path_(is_standard_output(path) ? "standard output" : path), place_(path),
      stream_(STDOUT_FILENO), interruptions_(interruptions) {
    if (!is_standard_output(path)) {
        open(kind);
        stream_ = OutputStream(file_.get());
    }
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), place_(std::move(other.place_)),
      beside_(std::exchange(other.beside_, "")), truncates_(other.truncates_),
      file_(std::move(other.file_)), stream_(std::move(other.stream_)),
      interruptions_(other.interruptions_), pending_(std::move(other.pending_)),
      in_line_(other.in_line_) {}

OutputFile::~OutputFile() {
    if (!beside_.empty()) {
        ::unlink(beside_.c_str());
    }
}

void OutputFile::fail(int error) const {
    throw NotPossible(fmt::format("cannot write {}: {}", path_, echod::describe_errno(error)));
}

void OutputFile::open(Kind kind) {
    struct stat status {};
    const bool exists = ::stat(place_.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        while (!open_waiting(S_ISFIFO(status.st_mode))) {
        }
        return;
    }
    if (!exists && errno != ENOENT) {
        fail(errno);
    }
    if (kind != Kind::whole) {
        open_followed(kind == Kind::followed ? O_TRUNC : O_APPEND);
        return;
    }
    if (exists && ::access(place_.c_str(), W_OK) != 0) {
        fail(errno);
    }
    place_ = without_links(place_); // a symbolic link stays one
    open_beside(exists ? &status : nullptr);
}

void OutputFile::open_followed(int flags) {
    echod::UniqueFd file(::open(place_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, kNewFile));
    if (!file) {
        fail(errno);
    }
    file_ = std::move(file);
}

void OutputFile::reopen(std::string_view head) {
    struct stat before {};
    if (file_) {
        before = status_of(file_.get());
    }
    if (!S_ISREG(before.st_mode)) {
        pending_ += head;
        return;
    }
    const bool written = try_flush();
    open_followed(O_APPEND);
    stream_ = OutputStream(file_.get());
    const struct stat now = status_of(file_.get());
    if (written || (now.st_dev == before.st_dev && now.st_ino == before.st_ino)) {
        pending_ += head;
        return;
    }
    if (in_line_) {
        pending_.erase(0, std::min(pending_.find('\n'), pending_.size() - 1) + 1);
        in_line_ = false;
    }
    pending_.insert(0, head);
}

bool OutputFile::try_flush() {
    try {
        flush();
    } catch (const NotPossible&) {
        return false;
    }
    return pending_.empty();
}

// Where no file can be made beside it with the owner and mode of an earlier one, or that one has
// other names, the file itself is truncated when it is written.
void OutputFile::open_beside(const struct stat* earlier) {
    beside_ = fmt::format("{}.{}.tmp", place_, ::getpid());
    if (earlier == nullptr || earlier->st_nlink == 1) {
        file_.reset(::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFile));
    }
    if (file_ && earlier != nullptr &&
        (::fchown(file_.get(), earlier->st_uid, earlier->st_gid) != 0 ||
         ::fchmod(file_.get(), earlier->st_mode & 07777U) != 0)) { // in this order: chown(2)
        ::unlink(beside_.c_str());
        file_.reset();
    }
    if (!file_) {
        beside_.clear();
        truncates_ = true;
        file_.reset(::open(place_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kNewFile));
    }
    if (!file_) {
        fail(errno);
    }
}

// A FIFO has no reader yet where opening it gives ENXIO (fifo(7)). False where it must be repeated.
bool OutputFile::open_waiting(bool is_fifo) {
    file_.reset(::open(place_.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (file_) {
        return true;
    }
    if (errno != ENXIO || !is_fifo) { // also the error of a socket
        fail(errno);
    }
    interruptions_.wait_before_the_run();
    return false;
}

void OutputFile::append(std::string_view text) {
    const bool full = pending_.size() > kMostPending;
    if (!full) {
        pending_ += text;
    }
    flush();
    if (full || pending_.size() > kMostPending) {
        throw NotPossible(fmt::format("cannot write {}: it is not read, and {} MiB wait", path_,
                                      kMostPending >> 20U));
    }
}

// Writes what is taken without waiting.
void OutputFile::flush() {
    if (truncates_) {
        truncates_ = false;
        if (::ftruncate(file_.get(), 0) != 0) {
            fail(errno);
        }
    }
    std::size_t written = 0;
    while (written < pending_.size()) {
        const ssize_t size = stream_.write_some(std::string_view(pending_).substr(written));
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 && errno == EAGAIN) {
            break;
        }
        if (size < 0) {
            const int error = errno;
            forget(written);
            fail(error);
        }
        written += static_cast<std::size_t>(size);
    }
    forget(written);
}

// That many bytes are written.
void OutputFile::forget(std::size_t written) {
    if (written != 0) {
        in_line_ = pending_[written - 1] != '\n';
        pending_.erase(0, written);
    }
}

void OutputFile::finish() {
    flush();
    while (!pending_.empty()) {
        interruptions_.wait_writable(stream_.fd());
        flush();
    }
    if (!beside_.empty()) {
        put_in_place();
    }
}

// A mount point cannot be replaced, nor another user's file in a sticky directory: it is written.
// What is complete is not lost where that fails too.
void OutputFile::put_in_place() {
    const std::string complete = std::exchange(beside_, "");
    if (std::rename(complete.c_str(), place_.c_str()) == 0) {
        return;
    }
    if (const int error = copy_into(complete, place_); error != 0) {
        throw NotPossible(fmt::format("cannot write {}: {}; what was to be written is in {}", path_,
                                      echod::describe_errno(error), complete));
    }
    ::unlink(complete.c_str());
}

void OutputFile::write(std::string_view text) {
    pending_ += text;
    finish();
}

void write_standard_error(std::string_view text, Interruptions& interruptions) {
    const OutputStream stream(STDERR_FILENO);
    while (!text.empty()) {
        const ssize_t size = stream.write_some(text);
        if (size >= 0) {
            text.remove_prefix(static_cast<std::size_t>(size));
        } else if (errno == EAGAIN) {
            interruptions.wait_writable(stream.fd());
        } else if (errno != EINTR) {
            return;
        }
    }
}

} // namespace echoload
