// Encoders and decoders of SAM's contract whose answers can be worked out by hand.
#pragma once

#include <opencv2/imgproc.hpp>
#include <string>

#include "archives.hpp"
#include "io/scratch.hpp"
#include "persense/torch/decoder.hpp"
#include "persense/torch/encoder.hpp"

namespace persense::test {

/// An input of 256 x 256, cells of 16 x 16, low-resolution masks of 64 x 64.
inline const std::string disc_encoder_manifest = R"({"format": 1, "stage": "encoder",
  "name": "disc", "input": {"size": 256, "mean": [123.675, 116.28, 103.53],
  "std": [58.395, 57.12, 57.375]}, "output": {"channels": 3, "stride": 16}})";

/// A cell's feature is its mean normalised colour.
inline const std::string mean_colour = R"(
def forward(self, image):
    return torch.avg_pool2d(image, [16, 16])
)";

inline const std::string disc_decoder_manifest = R"({"format": 1, "stage": "decoder",
  "name": "disc", "encoder": "disc", "input": {"size": 256},
  "output": {"channels": 3, "stride": 16, "masks": 3}})";

/// Mask k is a disc of radius 8, 16 or 24 (pixels of the input) around the first point, or the
/// box's centre: its logits fall by 1 a pixel, like a cone.
///
/// What a decode sees decides which mask is best and how good it is:
///   guidance          mask 0, score: mean attention + first channel of the target
///   box               mask 1, score: box width / 1000
///   mask, no box      mask 2, score: largest logit of the mask input / 100
///   points alone      mask 1, score: number of prompts in the call / 1000
inline const std::string discs = R"(
def forward(self, embedding, coords, labels, box: Optional[Tensor], mask_input: Optional[Tensor],
            attn_sim: Optional[Tensor], target: Optional[Tensor]):
    n = coords.size(0)
    center = coords.float().mean(1)
    if box is not None and coords.size(1) == 0:
        center = (box[:, 0:2] + box[:, 2:4]) / 2
    at = torch.arange(64, device=coords.device).float() * 4 + 2
    dx = at.view(1, 1, 64) - (center[:, 0].view(-1, 1, 1) + 0.5)
    dy = at.view(1, 64, 1) - (center[:, 1].view(-1, 1, 1) + 0.5)
    distance = torch.sqrt(dx * dx + dy * dy).unsqueeze(1)
    radius = torch.tensor([8.0, 16.0, 24.0], device=coords.device).view(1, 3, 1, 1)
    best = 1
    score = torch.full([n], n / 1000.0, device=coords.device)
    if attn_sim is not None and target is not None:
        best = 0
        score = (attn_sim.mean() + target[0, 0]).expand(n).float()
    elif box is not None:
        score = (box[:, 2] - box[:, 0]) / 1000
    elif mask_input is not None:
        best = 2
        score = mask_input.flatten(1).amax(1).float() / 100
    scores = score.unsqueeze(1) - torch.ones([1, 3], device=coords.device)
    scores[:, best] = score
    return (radius - distance).to(embedding.dtype), scores.to(embedding.dtype)
)";

/// Both archives in a folder that is gone when the test ends.
struct DiscArchives {
  Scratch scratch;
  std::filesystem::path encoder = scratch / "encoder.pt", decoder = scratch / "decoder.pt";

  DiscArchives() {
    save_archive(encoder, disc_encoder_manifest, mean_colour);
    save_archive(decoder, disc_decoder_manifest, discs);
  }
};

/// A blue image with a red disc.
inline cv::Mat disc_picture(Size size, Point center, int radius) {
  cv::Mat image(size.height, size.width, CV_8UC3, cv::Scalar(20, 40, 200));
  cv::circle(image, {center.x, center.y}, radius, cv::Scalar(220, 30, 10), cv::FILLED);
  return image;
}

inline cv::Mat disc_mask(Size size, Point center, int radius) {
  cv::Mat mask = cv::Mat::zeros(size.height, size.width, CV_8UC1);
  cv::circle(mask, {center.x, center.y}, radius, cv::Scalar(255), cv::FILLED);
  return mask;
}

/// A tensor (h, w) of any dtype and device as a map.
inline FloatMap map_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  return Eigen::Map<const FloatMap>(host.data_ptr<float>(), host.size(0), host.size(1));
}

}  // namespace persense::test
