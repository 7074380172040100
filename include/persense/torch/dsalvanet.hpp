// persense/torch/dsalvanet.hpp: the density map generator DSALVANet, from a TorchScript archive.
#pragma once

#include <span>

#include "persense/models/dsalvanet_frame.hpp"
#include "persense/stages.hpp"
#include "persense/torch/module.hpp"

namespace persense::torchscript {

/// DSALVANet: a convolutional network that sees the whole image, 512 x 512 pixels, and the
/// exemplars' boxes in it.
///
/// One deliberate difference from the released code, under either rules: archives hold the network
/// in evaluation mode, so the same image gives the same map. There, the latent layer stays in
/// training mode and adds noise.
/// @par Threads  Any number of threads.
/// @par Source  DSALVANet (He et al. 2024); released code, DSALVANet wrapper.
class DsalvanetDmg {
 public:
  /// @param options  rules. `scaling` and `side` are taken from the archive.
  /// @throws BadModel  an archive of another network, or shapes that do not fit on a dry run.
  /// @throws OutOfMemory.
  explicit DsalvanetDmg(Module module, dsalvanet::Options options = {});

  const Module& module() const { return module_; }
  const dsalvanet::Options& options() const { return options_; }

  /// @return  (side, side) objects per pixel of the network's frame. Its sum is the count; Rules of
  ///   the pipeline decide whether that is rounded up (see ceil_count).
  /// @throws InvalidArgument  see dsalvanet::make_frame.
  /// @throws OutOfMemory, BadModel  the network fails, or gives values that are not finite.
  DensityMap density(ImageView image, std::span<const Box> exemplars) const;

  template <ImageEncoder E>
  DensityMap density(const Query<E>& query) const {
    return density(query.image, boxes_of(query.exemplars));
  }

 private:
  FloatMap respond(const dsalvanet::Frame& frame) const;

  Module module_;
  dsalvanet::Options options_;
};

}  // namespace persense::torchscript
