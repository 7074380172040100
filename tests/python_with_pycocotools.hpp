// The Python of the tests that ask pycocotools.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace persense::test {

/// The interpreter that has pycocotools; empty where there is none.
inline std::string python_with_pycocotools() {
  const char* named = std::getenv("PERSENSE_PYTHON");
  std::vector<std::string> candidates;
  if (named != nullptr) candidates.push_back(named);
#ifdef PERSENSE_PYTHON_DEFAULT
  candidates.push_back(PERSENSE_PYTHON_DEFAULT);
#endif
  candidates.push_back("python3");
  for (const std::string& python : candidates)
    if (std::system(("'" + python + "' -c 'import pycocotools.coco' >/dev/null 2>&1").c_str()) == 0)
      return python;
  return {};
}

}  // namespace persense::test
