// SPDX-License-Identifier: MIT
// The error of a file that is not a result, or not one that the command can use.
#pragma once

#include <stdexcept>

namespace echoload {

/// A file is not a result, and the text names the file and the place in it; or it is the result of
/// a run that the command cannot use together with the others, and the text says why.
class BadResult : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace echoload
