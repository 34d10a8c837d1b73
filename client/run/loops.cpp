// SPDX-License-Identifier: MIT
#include "client/run/loops.hpp"

#include "client/run/resources.hpp"

#include <system_error>

#include <algorithm>
#include <exception>

namespace echoload {

Loops::~Loops() {
    control_.abandon();
    for (const auto& loop : loops_) {
        if (loop->thread.joinable()) {
            loop->worker->wake();
            loop->thread.join();
        }
    }
}

void Loops::start(const std::vector<WorkerPlan>& plans, const Generator& generator,
                  const std::vector<Target>& targets, TimePoint start) {
    std::vector<std::string> names;
    for (const Target& target : targets) {
        names.insert(names.end(), target.addresses.size(), target.name);
    }
    targets_.emplace(names, plans.size());
    for (const WorkerPlan& plan : plans) {
        auto loop = std::make_unique<Loop>();
        loop->worker = std::make_unique<Worker>(plan, generator, targets, control_, notice_, start);
        loops_.push_back(std::move(loop));
    }
    std::uint64_t started = 0;
    for (const auto& loop : loops_) {
        try {
            loop->thread = std::thread([this, &own = *loop] { run(own); });
        } catch (const std::system_error& error) {
            throw cannot_start_thread(error.code().value(), started, loops_.size());
        }
        ++started;
    }
}

void Loops::run(Loop& loop) noexcept {
    try {
        loop.worker->run();
    } catch (const std::exception& error) {
        loop.failure = error.what();
    }
    loop.ended.store(true, std::memory_order_release);
    notice_.signal();
}

void Loops::wake_all() {
    for (const auto& loop : loops_) {
        loop->worker->wake();
    }
}

bool Loops::all_ended() const {
    return std::all_of(loops_.begin(), loops_.end(),
                       [](const auto& loop) { return loop->has_ended(); });
}

bool Loops::all_ramped() const {
    return std::all_of(loops_.begin(), loops_.end(), [](const auto& loop) {
        return loop->worker->ramped() || loop->has_ended();
    });
}

bool Loops::all_answered() const {
    return std::all_of(loops_.begin(), loops_.end(), [](const auto& loop) {
        return loop->worker->answered() || loop->has_ended();
    });
}

bool Loops::any_gave_up() const {
    return std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) {
        return loop->worker->found_wrong() || (loop->has_ended() && !loop->failure.empty());
    });
}

bool Loops::collect_interval(LiveInterval& interval) {
    bool complete = true;
    bool any = false;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        const auto& loop = loops_[i];
        if (const auto part = loop->worker->take_interval()) {
            interval.tally.merge(part->tally);
            targets_->add(i, part->addresses, part->outages);
            loop->open = part->open;
            loop->reported = true;
        }
        const bool ended = loop->has_ended();
        if (ended && !loop->reported) {
            loop->open = 0;
            targets_->end_loop(i);
        }
        any = any || loop->reported;
        complete = complete && (loop->reported || ended);
    }
    if (!any || !complete) {
        return false;
    }
    interval.open = 0;
    for (const auto& loop : loops_) {
        interval.open += loop->open;
        loop->reported = false;
    }
    interval.outages_begun = targets_->end_interval();
    interval.targets = targets_->states();
    return true;
}

void Loops::join() {
    for (const auto& loop : loops_) {
        loop->thread.join();
    }
}

bool Loops::any_was_up() const {
    return std::any_of(loops_.begin(), loops_.end(),
                       [](const auto& loop) { return loop->worker->was_up(); });
}

void Loops::count_unassigned(TimePoint end) {
    for (const auto& loop : loops_) {
        loop->worker->count_unassigned(end);
    }
}

std::string Loops::take_results(const std::function<void(WorkerResult)>& sink) {
    std::string failure;
    for (const auto& loop : loops_) {
        sink(loop->worker->take_result());
        if (failure.empty()) {
            failure = loop->failure;
        }
    }
    return failure;
}

} // namespace echoload
