// expects: DetectorFor
// expects: detect_must_be_const
#include "minimal_stages.hpp"

#ifdef BREAK_CONTRACT
#define CONST
#else
#define CONST const
#endif

struct Detector {
  persense::Detections detect(const persense::Query<MinimalEncoder>&) CONST { return {}; }
};

int main() { build_pipeline<MinimalEncoder, Detector>(); }
