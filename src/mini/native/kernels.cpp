#include "kernels.hpp"

namespace persense::mini::native {

namespace plain {
extern const Kernels kernels;
}
#ifdef PERSENSE_X86_KERNELS
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
#endif

std::vector<const Kernels*> usable_kernels() {
  std::vector<const Kernels*> usable;
#ifdef PERSENSE_X86_KERNELS
  __builtin_cpu_init();
  const bool fused = __builtin_cpu_supports("fma") != 0;
  if (fused && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    usable.push_back(&avx512::kernels);
  if (fused && __builtin_cpu_supports("avx2") != 0) usable.push_back(&avx2::kernels);
#endif
  usable.push_back(&plain::kernels);
  return usable;
}

const Kernels& kernels() {
  static const Kernels& fastest = *usable_kernels().front();
  return fastest;
}

}  // namespace persense::mini::native
