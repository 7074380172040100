// stages.hpp: stages that are Python functions.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>
#include <vector>

#include "arrays.hpp"

namespace persense::python {

/// While it lives, a stage of the user's that runs on this thread is shown the caller's own arrays
/// as its images, and not copies. Made and destroyed with the GIL held.
class ShownImages {
 public:
  explicit ShownImages(std::vector<const Held<ImageView>*> held)
      : held_(std::move(held)), outer_(current_) {
    current_ = this;
  }
  ~ShownImages() { current_ = outer_; }
  ShownImages(const ShownImages&) = delete;
  ShownImages& operator=(const ShownImages&) = delete;

  /// The image as a read-only array of shape (H, W, 3) that needs no memory of the library's.
  static pybind11::array array_of(ImageView image);

 private:
  static thread_local const ShownImages* current_;
  std::vector<const Held<ImageView>*> held_;
  const ShownImages* outer_;  // a stage may itself use a pipeline
};

}  // namespace persense::python
