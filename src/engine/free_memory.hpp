// Memory that a query no longer needs.
#pragma once

namespace persense {

/// Hands memory that is free in the heap back to the system, where that is much. Networks ask for
/// pieces of many sizes, another set for each size of image; glibc keeps the holes between them, so
/// that a process would grow from image to image (1.2 GB over 80 sizes).
/// @par Threads  Any number at once.
void return_free_memory() noexcept;

}  // namespace persense
