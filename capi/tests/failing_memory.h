/* failing_memory.h: memory that runs out at a chosen allocation of the calling thread. */
#ifndef PERSENSE_TESTS_FAILING_MEMORY_H
#define PERSENSE_TESTS_FAILING_MEMORY_H

#ifdef __cplusplus
extern "C" {
#endif

/* The n-th allocation of this thread from now on fails, counted from 1, and it alone; 0: none. */
void fail_allocation(long n);

/* How many allocations this thread has made since; the failing one counts. */
long allocations_made(void);

/* How many of this thread's failures were in cv::Mat::create, which then may lose the memory for
 * the pixels that it had just allocated (OpenCV 4.6, StdMatAllocator::allocate): one block each. */
long leaked_by_opencv(void);

/* Allocations, of all threads, that have not been freed. -1: not counted in this build. */
long live_allocations(void);

#ifdef __cplusplus
}
#endif

#endif
