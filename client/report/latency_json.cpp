// SPDX-License-Identifier: MIT
#include "client/report/latency_json.hpp"

#include "client/report/figures.hpp"

namespace echoload {

Json latency_figures(const Histogram& histogram, const std::vector<double>& more) {
    Json json = {{"count", histogram.count()}};
    json["min_ns"] = ns_or_null(histogram.min());
    json["mean_ns"] = ns_or_null(histogram.mean());
    for (const double percent : kPercentiles) {
        json[percentile_key(percent)] = ns_or_null(histogram.percentile(percent));
    }
    for (const double percent : more) {
        json[percentile_key(percent)] = ns_or_null(histogram.percentile(percent));
    }
    json["max_ns"] = ns_or_null(histogram.max());
    return json;
}

Json latency_json(const std::string& loop, const Histogram& histogram,
                  const std::vector<double>& more) {
    Json json = {{"loop", loop}};
    json.update(latency_figures(histogram, more));
    Json buckets = Json::array();
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        buckets.push_back({bucket.upper_edge, bucket.count});
    }
    json["histogram"] = {
        {"scheme", kHistogramScheme}, {"sum_ns", histogram.sum()}, {"buckets", buckets}};
    return json;
}

} // namespace echoload
