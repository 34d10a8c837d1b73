// SPDX-License-Identifier: MIT
// The commands of the control socket and of the statistics socket, and their answers.
#pragma once

#include "base/clock.hpp"
#include "server/control/control_socket.hpp"
#include "server/listener/acceptor.hpp"
#include "server/listener/socket_survey.hpp"
#include "server/loop/settings.hpp"
#include "server/loop/status_lists.hpp"
#include "server/stats/counters.hpp"
#include "server/stats/status.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace echod {

/// What is true of the connections at this moment.
[[nodiscard]] Gauges current_gauges(const Clients& clients, const Acceptor& acceptor) noexcept;

class Commands {
public:
    /// Borrows the parts and the others for its life.
    Commands(Settings& settings, const ConfiguredParts& parts, const Counters& counters) noexcept
        : settings_(settings), parts_(parts), counters_(counters) {}

    /// Carries out "reload", "status", "stats json", "stats openmetrics" or "stats prometheus".
    /// `serving`: false while
    /// the server stops. Throws std::bad_alloc.
    [[nodiscard]] ControlAnswer answer(std::string_view command, bool serving, TimePoint now);

    /// The same for the statistics socket, which every user may connect to: commands that change
    /// something are refused. Throws std::bad_alloc.
    [[nodiscard]] ControlAnswer answer_read_only(std::string_view command, bool serving,
                                                 TimePoint now);

    /// "reload" alone, for SIGHUP. Throws std::bad_alloc.
    ControlAnswer reload(bool serving, TimePoint now);

private:
    /// Nothing for a command that asks for no state.
    [[nodiscard]] std::optional<std::string> show(std::string_view command, bool serving,
                                                  TimePoint now);
    [[nodiscard]] ServerState state(bool serving, TimePoint now);

    Settings& settings_;
    ConfiguredParts parts_;
    const Counters& counters_;
    StatusLists lists_;
    SocketSurvey survey_;
    ProcessFigures process_; ///< as old as the survey: counting descriptors may visit each
    double started_at_ = unix_seconds();
};

} // namespace echod
