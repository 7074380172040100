// persense/torch/countr.hpp: the density map generator CounTR, from a TorchScript archive.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "persense/models/countr_frames.hpp"
#include "persense/stages.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// CounTR: a vision transformer that sees the image, 384 pixels high, in windows beside a crop of
/// each exemplar. See persense/models/countr_frames.hpp for what surrounds the network.
///
/// Its maps have blunt peaks: the released code binarises them at 20 instead of 30
/// (`idm.threshold`).
/// @par Threads  Any number of threads.
/// @par Source  CounTR (arXiv:2208.13721); released code, CounTR wrapper.
class CountrDmg {
 public:
  /// @param options  rules and how exemplars are resized. `scaling` and `unit` are taken from the
  ///   archive; `batch` 0 is 8 on a GPU and 1 on the CPU, where a batch only costs memory.
  /// @throws BadModel  an archive of another network or another format, or shapes that do not fit
  ///   on a dry run. @throws OutOfMemory.
  explicit CountrDmg(Module module, countr::Options options = {});

  const Module& module() const { return module_; }
  const countr::Options& options() const { return options_; }

  /// @return  see countr::density.
  /// @throws InvalidArgument  see countr::make_frame.
  /// @throws OutOfMemory      one window alone does not fit. (A batch that does not is halved.)
  /// @throws BadModel         the network fails, or gives values that are not finite.
  DensityMap density(ImageView image, std::span<const Box> exemplars) const;

  template <ImageEncoder E>
  DensityMap density(const Query<E>& query) const {
    return density(query.image, boxes_of(query.exemplars));
  }

 private:
  FloatMap respond(const Planes& windows, const at::Tensor& crops) const;
  at::Tensor forward(const at::Tensor& windows, const at::Tensor& crops) const;

  Module module_;
  countr::Options options_;
};

}  // namespace persense::torchscript
