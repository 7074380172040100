// Registers of 4 numbers, as every x86-64 and most others have them.
#define KERNEL_NAME plain
#define KERNEL_LANES 4
#define KERNEL_PIXELS 6
#include "kernel_loops.hpp"
