// The main function of every test program; the tests themselves are elsewhere.
#include <opencv2/core/utility.hpp>

#include "thread_sanitizer.hpp"

namespace {

/// ThreadSanitizer does not see how OpenCV's workers wait for each other inside a TBB that was not
/// compiled with it, so every parallel loop looks like a race. The tests' own threads are watched.
void keep_loops_on_one_thread() {
  if (persense::testing::thread_sanitizer) cv::setNumThreads(1);
}

}  // namespace

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>

int main(int argc, char* argv[]) {
  keep_loops_on_one_thread();
  return Catch::Session().run(argc, argv);
}
#else
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

namespace {

int started_tests = 0;

struct CountTests : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo&) override { ++started_tests; }
};
CATCH_REGISTER_LISTENER(CountTests)

}  // namespace

int main(int argc, char* argv[]) {
  keep_loops_on_one_thread();
  constexpr int all_skipped = 4;  // version 3's exit code for it
  const int failures = Catch::Session().run(argc, argv);
  const int skipped = persense::testing::skipped_tests;
  return failures == 0 && skipped > 0 && skipped == started_tests ? all_skipped : failures;
}
#endif
