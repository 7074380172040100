// expects: DetectorFor
// expects: detector.detect(query)
#include "minimal_stages.hpp"

#ifdef BREAK_CONTRACT
using Answer = std::vector<persense::Box>;
#else
using Answer = persense::Detections;
#endif

struct Detector {
  Answer detect(const persense::Query<MinimalEncoder>&) const { return {}; }
};

int main() { build_pipeline<MinimalEncoder, Detector>(); }
