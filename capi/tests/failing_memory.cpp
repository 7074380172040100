// What a program defines itself, its libraries use too: so this needs no LD_PRELOAD. Without a
// sanitizer it is malloc and all that is like it. A sanitizer has its own, which cannot be wrapped,
// so there it is operator new alone; what is not freed, the sanitizer itself reports.
#include "failing_memory.h"

#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

namespace {

thread_local long made = 0;
thread_local long failing = 0;

thread_local long opencv_leaks = 0;

// Whether operator new was called by cv::Mat::create.
bool in_mat_create() {
  void* frames[8];
  const int depth = ::backtrace(frames, static_cast<int>(std::size(frames)));
  return std::any_of(frames, frames + depth, [](void* frame) {
    Dl_info info{};
    return ::dladdr(frame, &info) != 0 && info.dli_sname != nullptr &&
           std::strcmp(info.dli_sname, "_ZN2cv3Mat6createEiPKii") == 0;
  });
}

bool fails() {
  if (++made != failing) return false;
  failing = 0;  // looking at the stack may allocate
  if (in_mat_create()) ++opencv_leaks;
  return true;
}

}  // namespace

void fail_allocation(long n) {
  made = 0;
  failing = n;
}

long allocations_made() { return made; }

long leaked_by_opencv() { return opencv_leaks; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

long live_allocations() { return -1; }

// What image libraries lose when they fail, in cv::Mat::create and in decoders. A build without a
// sanitizer counts it.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libopencv_\nleak:libpng\nleak:libjpeg\n";
}

namespace {

void* memory_or_null(std::size_t size, std::size_t alignment) {
  void* memory = nullptr;
  return !fails() && ::posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

void* memory_or_throw(std::size_t size, std::size_t alignment) {
  if (void* const memory = memory_or_null(size, alignment); memory != nullptr) return memory;
  throw std::bad_alloc();
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

// All of them: the sanitizer replaces the ones that are left.
using Size = std::size_t;
using Align = std::align_val_t;
using NoThrow = const std::nothrow_t&;
void* operator new(Size n) { return memory_or_throw(n, usual); }
void* operator new[](Size n) { return memory_or_throw(n, usual); }
void* operator new(Size n, NoThrow) noexcept { return memory_or_null(n, usual); }
void* operator new[](Size n, NoThrow) noexcept { return memory_or_null(n, usual); }
void* operator new(Size n, Align a) { return memory_or_throw(n, static_cast<Size>(a)); }
void* operator new[](Size n, Align a) { return memory_or_throw(n, static_cast<Size>(a)); }
void* operator new(Size n, Align a, NoThrow) noexcept {
  return memory_or_null(n, static_cast<Size>(a));
}
void* operator new[](Size n, Align a, NoThrow) noexcept {
  return memory_or_null(n, static_cast<Size>(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, Size) noexcept { std::free(p); }
void operator delete[](void* p, Size) noexcept { std::free(p); }
void operator delete(void* p, NoThrow) noexcept { std::free(p); }
void operator delete[](void* p, NoThrow) noexcept { std::free(p); }
void operator delete(void* p, Align) noexcept { std::free(p); }
void operator delete[](void* p, Align) noexcept { std::free(p); }
void operator delete(void* p, Size, Align) noexcept { std::free(p); }
void operator delete[](void* p, Size, Align) noexcept { std::free(p); }
void operator delete(void* p, Align, NoThrow) noexcept { std::free(p); }
void operator delete[](void* p, Align, NoThrow) noexcept { std::free(p); }

#else

// glibc's own names of what is wrapped here
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

std::atomic<long> live{0};

void* counted(void* memory) {
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* none() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

long live_allocations() { return live.load(); }

extern "C" {
void* malloc(std::size_t size) { return fails() ? none() : counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) {
  return fails() ? none() : counted(__libc_calloc(count, size));
}
void* realloc(void* memory, std::size_t size) {
  if (fails()) return none();
  void* const moved = __libc_realloc(memory, size);
  return memory == nullptr ? counted(moved) : moved;
}
void* memalign(std::size_t alignment, std::size_t size) {
  return fails() ? none() : counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  void* const made_now = memalign(alignment, size);
  if (made_now == nullptr) return ENOMEM;
  *memory = made_now;
  return 0;
}
void free(void* memory) {
  if (memory == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(memory);
}
}

#endif
