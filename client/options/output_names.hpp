// SPDX-License-Identifier: MIT
// The names of the files that a command writes.
#pragma once

#include <initializer_list>
#include <string>

namespace echoload {

/// An option that names a file to write; an empty name is none.
struct OutputName {
    const char* option;
    const std::string& file;
};

/// Throws std::invalid_argument that names two of the options where both name the same file,
/// however it is named. A device or a FIFO may be written by several.
void require_different_files(std::initializer_list<OutputName> names);

} // namespace echoload
