// Registers of 8 numbers, 16 of them.
#define KERNEL_NAME avx2
#define KERNEL_LANES 8
#define KERNEL_PIXELS 6
#include "kernel_loops.hpp"
