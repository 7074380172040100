// workers.hpp: N threads over a list of jobs.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "persense/error.hpp"

namespace persense::cli {

/// Calls `body(i, stop)` for i = 0..count-1 on `jobs` threads, each taking the next free i.
/// The first exception (or a stop request from outside) requests `stop` for the bodies still
/// running and starts no further one; when all threads have ended, that exception is thrown again.
/// @throws Cancelled  `outside` was requested before the end; and whatever `body` throws.
template <class Body>
void for_each_job(std::size_t count, int jobs, const std::stop_token& outside, Body&& body) {
  std::stop_source stop;
  const std::stop_callback pass_on(outside, [&stop] { stop.request_stop(); });
  std::atomic<std::size_t> next{0};
  std::mutex guard;
  std::exception_ptr first;
  const auto work = [&] {
    for (std::size_t i; !stop.stop_requested() && (i = next++) < count;) try {
        body(i, stop.get_token());
      } catch (...) {
        const std::scoped_lock lock(guard);
        if (!first) first = std::current_exception();
        stop.request_stop();
      }
  };
  {
    std::vector<std::jthread> threads;
    const auto helpers = std::min(static_cast<std::size_t>(jobs), count);
    for (std::size_t t = 1; t < helpers; ++t) threads.emplace_back(work);
    work();
  }
  if (first) std::rethrow_exception(first);
  if (outside.stop_requested()) throw Cancelled("interrupted");
}

}  // namespace persense::cli
