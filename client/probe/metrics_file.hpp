// SPDX-License-Identifier: MIT
// A file of metrics that is always complete.
#pragma once

#include <string>
#include <string_view>

namespace echoload {

/// Replaces a file by another one that is written beside it and renamed, so that a reader sees the
/// old text or the new one. The file stays when the run ends.
class MetricsFile {
public:
    /// Makes the file with `text`: a place that cannot be written is an error before the run.
    /// Throws NotPossible.
    MetricsFile(std::string path, std::string_view text);

    /// Throws NotPossible; the earlier file is left then.
    void replace(std::string_view text) const;

private:
    std::string path_;
    std::string beside_;
};

} // namespace echoload
