// stages.hpp: stages that are Python functions.
#pragma once

#include <pybind11/pybind11.h>

#include "arrays.hpp"

namespace persense::python {

/// While it lives, a stage of the user's that runs on this thread is shown the caller's own array
/// as its query image, and not a copy. Made and destroyed with the GIL held.
class ShownImage {
 public:
  explicit ShownImage(const Held<ImageView>& held) : outer_(current_) { current_ = &held; }
  ~ShownImage() { current_ = outer_; }
  ShownImage(const ShownImage&) = delete;
  ShownImage& operator=(const ShownImage&) = delete;

  /// The image as a read-only array of shape (H, W, 3) that needs no memory of the library's.
  static pybind11::array array_of(ImageView image);

 private:
  static thread_local const Held<ImageView>* current_;
  const Held<ImageView>* outer_;  // a stage may itself use a pipeline
};

}  // namespace persense::python
