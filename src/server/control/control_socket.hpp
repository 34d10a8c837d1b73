// SPDX-License-Identifier: MIT
// The server side of the control socket and of the statistics socket. It never blocks the loop.
#pragma once

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/epoll.hpp"
#include "server/control/protocol.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// Serves a fixed number of control clients at a time, each with a deadline for its request. If all
/// places are taken, the client that has been silent longest makes room; if every client has sent
/// its command, more of them wait in the backlog. The part of an answer that the kernel does not
/// take at once is stored for each control client.
class ControlSocket {
public:
    using Handler = std::function<ControlAnswer(std::string_view command)>;

    /// Borrows `epoll` for its life and registers with the tokens from `first_token` on. `handler`
    /// is called for each command; it may throw std::bad_alloc.
    ControlSocket(Epoll& epoll, std::uint64_t first_token, Handler handler);
    /// Unlinks the socket if one was opened and is still at its path.
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    /// Who may connect.
    enum class Access : std::uint8_t {
        group,   ///< the owner and the group: mode 0660
        everyone ///< mode 0666; the handler must be harmless
    };

    /// Number of tokens that it uses: the listener's and one for each control client.
    static constexpr std::uint64_t kTokens = 9;

    /// Listens at `path`. Messages call it `name`. Replaces a socket that no daemon serves; of
    /// daemons that start at the same time, one succeeds. Throws std::runtime_error that names the
    /// path. No other thread may create files meanwhile, because the umask changes for a moment.
    void open(const std::string& path, std::string_view name = kControlSocketName,
              Access access = Access::group);

    /// Handles an event of the token first_token + index.
    void on_event(std::uint64_t index, TimePoint now);

    /// When expire() has something to do next; kNever while there is no control client.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        return active_ == 0 ? retry_at_ : first_deadline();
    }

    /// Closes control clients whose deadline has passed.
    void expire(TimePoint now) noexcept;

private:
    struct FileId {
        std::uint64_t device;
        std::uint64_t inode;
        bool operator==(const FileId&) const = default;
    };
    struct ControlClient {
        UniqueFd fd;
        TimePoint deadline{};
        std::string command;
        std::string answer;
        std::size_t sent = 0;
        bool answered = false;
    };
    static constexpr std::size_t kMaxClients = kTokens - 1;

    /// The socket at `path`; nothing if there is none or the path is something else.
    [[nodiscard]] static std::optional<FileId> socket_at(const std::string& path) noexcept;
    [[nodiscard]] TimePoint first_deadline() const noexcept;
    void accept(TimePoint now) noexcept;
    [[nodiscard]] ControlClient* free_place() noexcept;
    void serve(ControlClient& client);
    void serve_or_end(ControlClient& client) noexcept;
    void end(ControlClient& client) noexcept;

    Epoll& epoll_;
    std::uint64_t first_token_;
    Handler handler_;
    std::string path_;
    std::optional<FileId> bound_; ///< of the socket that was bound to path_
    UniqueFd listener_;
    TimePoint retry_at_ = kNever; ///< accepting failed: do not accept until then
    std::array<ControlClient, kMaxClients> clients_;
    std::size_t active_ = 0; ///< clients_ that are connected
};

} // namespace echod
