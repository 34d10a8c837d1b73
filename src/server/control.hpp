// SPDX-License-Identifier: MIT
// The control socket: one command a connection, one answer, and never a wait for who reads it.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/epoll.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace echod {

inline constexpr std::string_view kDefaultControlPath = "/run/echod/control.sock";

/// What a command came to: its text goes back behind "ok" or "error".
struct ControlAnswer {
    bool ok = true;
    std::string text;
};

/// Serves a unix stream socket beside the clients. The dialogue: the asker sends one line, gets
/// "ok\n" or "error\n" and the text, then end of file. A fixed number of askers at a time, each
/// with a deadline; one more waits in the backlog. What the socket's buffer does not take waits
/// here, in one string an asker.
class ControlSocket {
public:
    using Handler = std::function<ControlAnswer(std::string_view command)>;

    /// Borrows epoll for its life and registers under tokens from first_token on.
    ControlSocket(Epoll& epoll, std::uint64_t first_token, Handler handler);
    /// Unlinks the socket where one was opened.
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    /// Tokens from first_token on that are ours.
    static constexpr std::uint64_t kTokens = 9;

    /// Listens at `path`, mode 0660; a socket that nobody serves any more is replaced. Throws
    /// std::runtime_error that names the path.
    void open(const std::string& path);

    /// An event under first_token + index.
    void on_event(std::uint64_t index, TimePoint now);

    /// When expire() has something to do; nothing while nobody asks, which costs the loop nothing.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const noexcept {
        return asking_ == 0 ? retry_at_ : first_deadline();
    }

    /// Ends the dialogues that take too long.
    void expire(TimePoint now) noexcept;

private:
    struct Asker {
        UniqueFd fd;
        TimePoint deadline{};
        std::string command;
        std::string answer;
        std::size_t sent = 0;
        bool answered = false;
    };
    static constexpr std::size_t kAskers = kTokens - 1;

    [[nodiscard]] std::optional<TimePoint> first_deadline() const noexcept;
    void accept(TimePoint now) noexcept;
    void serve(Asker& asker);
    void end(Asker& asker) noexcept;

    Epoll& epoll_;
    std::uint64_t first_token_;
    Handler handler_;
    std::string path_;
    UniqueFd listener_;
    std::optional<TimePoint> retry_at_; ///< no asker could be taken: nobody is till then
    std::array<Asker, kAskers> askers_;
    std::size_t asking_ = 0; ///< of them with somebody at the other end
};

/// Asks the daemon that serves `path`: sends `command`, waits for the whole answer, at most
/// `timeout`. Throws std::runtime_error that names the path where nobody answers.
[[nodiscard]] ControlAnswer ask_daemon(const std::string& path, std::string_view command,
                                       Duration timeout);

} // namespace echod
