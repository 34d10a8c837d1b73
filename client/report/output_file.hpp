// SPDX-License-Identifier: MIT
// Where results and messages are written.
#pragma once

#include "base/unique_fd.hpp"
#include "client/report/interruptions.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace echoload {

/// A descriptor that is written without blocking, whatever it is connected to. The O_NONBLOCK flag
/// of a descriptor that others share is not changed.
class OutputStream {
public:
    /// Borrows `fd`, which outlives it.
    explicit OutputStream(int fd);

    /// How much of `text` is taken without blocking; -1, with errno, where it cannot be written.
    /// EAGAIN where nothing is taken now.
    [[nodiscard]] ssize_t write_some(std::string_view text) const noexcept;

    /// The descriptor to poll until more is taken. Borrowed.
    [[nodiscard]] int fd() const noexcept { return own_ ? own_.get() : fd_; }

private:
    int fd_;
    bool socket_ = false;
    bool polled_ = false; ///< no descriptor of its own could be opened
    echod::UniqueFd own_; ///< the same pipe or terminal with O_NONBLOCK
};

/// A file of results. A run opens it before it starts: a long run is not to fail at its end. A
/// regular file is written under another name and renamed when it is complete, so that a run which
/// fails leaves the earlier file. Only write() and finish() wait, and signals end that.
class OutputFile {
public:
    /// Whether a regular file appears when it is complete, or can be followed; the last kind adds
    /// to one that exists.
    enum class Kind : unsigned char { whole, followed, appended };

    /// Standard output where `path` is empty or "-". Waits for the reader of a FIFO. Throws
    /// NotPossible, or Interrupted. `interruptions` outlives it.
    OutputFile(const std::string& path, Interruptions& interruptions, Kind kind = Kind::whole);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;

    /// Writes what is taken without waiting, and stores the rest for the next call. Throws
    /// NotPossible where the file cannot be written, which the next call tries again, or too much
    /// is stored; `text` may then be lost.
    void append(std::string_view text);

    /// Opens the file again under its name, where it is a regular one, and writes `head` to it with
    /// the next append(). What is stored goes to the new file too, if the earlier one takes no more
    /// (as when the disk is full, and that file was deleted), except the rest of a line that begins
    /// there. Throws NotPossible; then append() writes to the earlier file.
    void reopen(std::string_view head);

    /// Writes what is stored, waiting until it is taken; a whole file then appears. Throws
    /// NotPossible where not all could be written, or Interrupted.
    void finish();

    /// append() and finish().
    void write(std::string_view text);

private:
    void open(Kind kind);
    void open_followed(int flags);
    void open_beside(const struct stat* earlier);
    [[nodiscard]] bool open_waiting(bool is_fifo);
    void flush();
    [[nodiscard]] bool try_flush();
    void forget(std::size_t written);
    void put_in_place();
    [[noreturn]] void fail(int error) const;

    std::string path_; ///< for messages
    std::string place_;
    std::string beside_; ///< the file that becomes place_, or empty
    bool truncates_ = false;
    echod::UniqueFd file_; ///< nothing for standard output
    OutputStream stream_;
    Interruptions& interruptions_;
    std::string pending_;
    bool in_line_ = false; ///< what is written does not end with a line
};

/// Writes to standard error and waits until it is taken; errors are ignored. Throws Interrupted.
void write_standard_error(std::string_view text, Interruptions& interruptions);

} // namespace echoload
