// SPDX-License-Identifier: MIT
#include "client/report/latency_json.hpp"

#include "client/report/figures.hpp"

namespace echoload {

Json latency_figures(const Histogram& histogram) {
    Json json = {{"count", histogram.count()}};
    json["min_ns"] = ns_or_null(histogram.min());
    json["mean_ns"] = ns_or_null(histogram.mean());
    for (const NamedPercentile& percentile : kPercentiles) {
        json[percentile.key] = ns_or_null(histogram.percentile(percentile.percent));
    }
    json["max_ns"] = ns_or_null(histogram.max());
    return json;
}

Json latency_json(const std::string& loop, const Histogram& histogram) {
    Json json = {{"loop", loop}};
    json.update(latency_figures(histogram));
    Json buckets = Json::array();
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        buckets.push_back({bucket.upper_edge, bucket.count});
    }
    json["histogram"] = {
        {"scheme", kHistogramScheme}, {"sum_ns", histogram.sum()}, {"buckets", buckets}};
    return json;
}

} // namespace echoload
