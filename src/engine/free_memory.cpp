#include "free_memory.hpp"

#include <cstddef>
#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace persense {

void return_free_memory() noexcept {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  constexpr std::size_t much = 64 << 20;  // what is less is soon used again
  if (::mallinfo2().fordblks > much) ::malloc_trim(0);
#elif defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace persense
