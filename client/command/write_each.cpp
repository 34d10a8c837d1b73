// SPDX-License-Identifier: MIT
#include "client/command/write_each.hpp"

#include "client/report/output_file.hpp"

#include <fmt/format.h>

#include <exception>
#include <optional>

namespace echoload {

void write_each(Verdict& verdict, Interruptions& interruptions,
                std::initializer_list<std::function<void()>> writes) {
    std::optional<Interrupted> interrupted;
    const auto write_or_report = [&](const std::function<void()>& write) {
        try {
            write();
        } catch (const std::exception& error) {
            add_write_failure(verdict, error.what());
            write_standard_error(fmt::format("echoload: {}\n", error.what()), interruptions);
        }
    };
    for (const auto& write : writes) {
        try {
            write_or_report(write);
        } catch (const Interrupted& signal) {
            interrupted = signal;
        }
    }
    if (interrupted) {
        throw Interrupted(*interrupted);
    }
}

} // namespace echoload
