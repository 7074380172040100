// Many threads that ask one engine about several supports, in shared images and in their own.
#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include "persense/engine.hpp"
#include "same_result.hpp"

namespace persense::testing {

/// How many of 64 threads, started at once, get another result than one thread alone gets. Each
/// asks about one of the supports or about all of them, in an image that all share encoded, in one
/// that it encodes itself, or in one that is segmented as it is; and then about one support that it
/// makes anew.
/// @param marked  the examples of each support.
inline std::size_t wrong_of_many_threads(const Engine& engine,
                                         const std::vector<std::vector<Example>>& marked,
                                         const std::vector<ImageView>& queries,
                                         std::size_t count = 64) {
  std::vector<EngineSupport> supports;
  for (const auto& examples : marked) supports.push_back(engine.support(examples));
  std::vector<EngineImage> encoded;
  for (const ImageView query : queries) encoded.push_back(engine.encode(query));

  const std::size_t askings = supports.size() + 1;
  const auto asked = [&](std::size_t asking) {
    return asking < supports.size() ? std::vector{supports[asking]} : supports;
  };
  std::vector<Result> alone;  // by query and asking
  for (const ImageView query : queries)
    for (std::size_t asking = 0; asking < askings; ++asking)
      alone.push_back(engine.segment(asked(asking), query));

  std::vector<char> wrong(count, 0);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        const std::size_t query = i % queries.size(), asking = i / queries.size() % askings;
        const auto classes = asked(asking);
        const std::size_t way = i / (queries.size() * askings) % 3;
        const Result result = way == 0   ? engine.segment(encoded[query], classes)
                              : way == 1 ? engine.segment(engine.encode(queries[query]), classes)
                                         : engine.segment(classes, queries[query]);
        const Result again =
            engine.segment(encoded[query], engine.support(marked[i % marked.size()]));
        wrong[i] = !same(result, alone[query * askings + asking]) ||
                   !same(again, alone[query * askings + i % marked.size()]);
      });
  }
  std::size_t sum = 0;
  for (const char one : wrong) sum += one != 0;
  return sum;
}

}  // namespace persense::testing
