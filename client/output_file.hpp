// SPDX-License-Identifier: MIT
// A file that a run writes.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace echoload {

/// Opened before the run, so that a long run is not for nothing.
class OutputFile {
public:
    /// Standard output where `path` is empty. Throws NotPossible.
    explicit OutputFile(const std::string& path);

    /// Writes to the file itself, not just to a buffer. Throws NotPossible where not all of it
    /// could be written.
    void write(std::string_view text);

private:
    struct CloseFile {
        void operator()(std::FILE* file) const noexcept;
    };

    std::string path_;
    std::unique_ptr<std::FILE, CloseFile> file_;
};

} // namespace echoload
