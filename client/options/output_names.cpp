// SPDX-License-Identifier: MIT
#include "client/options/output_names.hpp"

#include <fmt/format.h>
#include <system_error>

#include <filesystem>
#include <stdexcept>

namespace echoload {

namespace {

bool is_same_file(const std::string& a, const std::string& b) {
    std::error_code error;
    const auto type = std::filesystem::status(a, error).type();
    if (type != std::filesystem::file_type::regular &&
        type != std::filesystem::file_type::not_found) {
        return false;
    }
    return std::filesystem::weakly_canonical(a, error) ==
               std::filesystem::weakly_canonical(b, error) ||
           std::filesystem::equivalent(a, b, error);
}

} // namespace

void require_different_files(std::initializer_list<OutputName> names) {
    for (const OutputName* each = names.begin(); each != names.end(); ++each) {
        for (const OutputName* earlier = names.begin(); earlier != each; ++earlier) {
            if (!each->file.empty() && !earlier->file.empty() &&
                is_same_file(each->file, earlier->file)) {
                throw std::invalid_argument(
                    fmt::format("{} and {} must be different files, both are '{}'", earlier->option,
                                each->option, each->file));
            }
        }
    }
}

} // namespace echoload
