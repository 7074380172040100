// Registers of 16 numbers, 32 of them.
#define KERNEL_NAME avx512
#define KERNEL_LANES 16
#define KERNEL_PIXELS 12
#include "kernel_loops.hpp"
