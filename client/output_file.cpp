// SPDX-License-Identifier: MIT
#include "client/output_file.hpp"

#include "base/sys_error.hpp"
#include "client/preflight.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace echoload {

void OutputFile::CloseFile::operator()(std::FILE* file) const noexcept {
    if (file != stdout) {
        std::fclose(file);
    }
}

OutputFile::OutputFile(const std::string& path)
    : path_(path.empty() ? "standard output" : path),
      file_(path.empty() ? stdout : std::fopen(path.c_str(), "we")) {
    if (!file_) {
        throw NotPossible(fmt::format("cannot write {}: {}", path_, echod::describe_errno(errno)));
    }
}

void OutputFile::write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
        std::fflush(file_.get()) != 0) {
        throw NotPossible(fmt::format("cannot write {}: {}", path_, echod::describe_errno(errno)));
    }
}

} // namespace echoload
