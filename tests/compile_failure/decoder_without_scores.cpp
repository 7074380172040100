// expects: DecoderFor
// expects: decoder.decode(query, prompts)
#include "minimal_stages.hpp"

#ifdef BREAK_CONTRACT
using Answer = std::vector<persense::Mask>;
#else
using Answer = std::vector<persense::ScoredMask>;
#endif

struct Decoder {
  Answer decode(const persense::Query<MinimalEncoder>&, std::span<const persense::Prompt>) const {
    return {};
  }
};

int main() {
  build_pipeline<MinimalEncoder, MinimalDetector<MinimalEncoder>, MinimalDmg<MinimalEncoder>,
                 Decoder>();
}
