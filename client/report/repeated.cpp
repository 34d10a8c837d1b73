// SPDX-License-Identifier: MIT
#include "client/report/repeated.hpp"

#include "client/report/read.hpp"

#include <utility>

namespace echoload {

namespace {

RepeatedRun read_run(const JsonReader& row) {
    RepeatedRun run;
    const JsonReader side = row.field("side");
    run.side = side.text();
    side.require(run.side == "A" || run.side == "B", "must be \"A\" or \"B\"");
    run.block = row.field("block").count();
    run.result = read_result(row.field("result"));
    return run;
}

} // namespace

Json repeated_run_json(const std::string& side, std::uint64_t block, const StoredResult& result) {
    return {{"side", side}, {"block", block}, {"result", result_json(result)}};
}

Json repeated_json(const Repeated& head, Json runs) {
    return {{"schema", kJsonSchema},
            {"program", "echoload"},
            {"version", ECHOD_VERSION},
            {"repeat",
             {{"runs", head.runs},
              {"pause_s", head.pause_s},
              {"ab", head.interleaved},
              {"seed", head.seed}}},
            {"runs", std::move(runs)}};
}

Repeated read_runs(const std::string& path) {
    const Json json = read_json_file(path);
    const JsonReader file(json, path + ":");
    check_header(file);
    Repeated repeated;
    const auto runs = file.find("runs");
    if (!runs) {
        repeated.runs = 1;
        repeated.done.push_back({"A", 1, read_result(file)});
        return repeated;
    }
    const JsonReader head = file.field("repeat");
    repeated.runs = head.field("runs").count();
    repeated.pause_s = head.field("pause_s").number().value_or(0);
    repeated.interleaved = head.field("ab").boolean();
    repeated.seed = head.field("seed").count();
    for (const JsonReader& row : runs->list()) {
        repeated.done.push_back(read_run(row));
    }
    return repeated;
}

} // namespace echoload
