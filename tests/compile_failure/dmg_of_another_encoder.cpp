// expects: DmgFor
// expects: dmg.density(query)
#include "minimal_stages.hpp"

struct OtherEncoder : MinimalEncoder {};

#ifdef BREAK_CONTRACT
using Dmg = MinimalDmg<OtherEncoder>;
#else
using Dmg = MinimalDmg<MinimalEncoder>;
#endif

int main() { build_pipeline<MinimalEncoder, MinimalDetector<MinimalEncoder>, Dmg>(); }
