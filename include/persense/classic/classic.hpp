// persense/classic/classic.hpp: the weight-free stages (interim: colour distance and components).
#pragma once
#include <opencv2/imgproc.hpp>
#include "persense/stages.hpp"
namespace persense::classic {
struct ClassicEncoder {
  struct Embedding { cv::Mat lab; };
  struct Prototype { cv::Scalar inside, around; float area = 0; };
  Embedding encode(ImageView image, float) const {
    cv::Mat lab; cv::cvtColor(image.mat(), lab, cv::COLOR_RGB2Lab); cv::GaussianBlur(lab, lab, {0, 0}, 1.0);
    return {lab};
  }
  Prototype prototype(const Embedding& e, MaskView mask) const {
    return {cv::mean(e.lab, mask.mat()), cv::mean(e.lab, mask.mat() == 0), float(cv::countNonZero(mask.mat()))};
  }
  FloatMap similarity(const Embedding& e, const Prototype& p, Size size) const {
    FloatMap map(size.height, size.width);
    for (int y = 0; y < size.height; ++y) for (int x = 0; x < size.width; ++x) {
      const auto v = e.lab.at<cv::Vec3b>(y, x); float a = 0, b = 0;
      for (int c = 0; c < 3; ++c) { a += float((v[c]-p.inside[c])*(v[c]-p.inside[c])); b += float((v[c]-p.around[c])*(v[c]-p.around[c])); }
      map(y, x) = (b - a) / (a + b + 1e-3f);
    }
    return map;
  }
};
inline cv::Mat parts(const FloatMapView& s, cv::Mat& stats, cv::Mat& centers) {
  cv::Mat labels; cv::connectedComponentsWithStats(as_mat(s) > 0, labels, stats, centers); return labels;
}
struct ClassicDetector {
  Detections detect(const Query<ClassicEncoder>& q) const {
    cv::Mat stats, centers; parts(q.similarity, stats, centers); Detections d;
    for (int i = 1; i < stats.rows; ++i) {
      const int* s = stats.ptr<int>(i);
      if (s[4] < 0.1f * q.support.prototype.area) continue;
      d.label.push_back({{float(s[0]), float(s[1]), float(s[0]+s[2]), float(s[1]+s[3])}, 0.5f});
    }
    d.phrase = d.label; return d;
  }
};
struct ClassicDmg {
  DensityMap density(const Query<ClassicEncoder>& q, std::span<const Box>) const {
    cv::Mat stats, centers; parts(q.similarity, stats, centers);
    cv::Mat dots = cv::Mat::zeros(q.image.height, q.image.width, CV_32F), out;
    for (int i = 1; i < stats.rows; ++i)
      if (stats.at<int>(i, 4) >= 0.1f * q.support.prototype.area) dots.at<float>(int(centers.at<double>(i, 1)), int(centers.at<double>(i, 0))) += 1;
    cv::GaussianBlur(dots, out, {0, 0}, std::max(1.0f, q.support.diameter * 0.1f));
    return as_map(out);
  }
};
struct ClassicDecoder {
  std::vector<ScoredMask> decode(const Query<ClassicEncoder>& q, std::span<const Prompt> prompts) const {
    cv::Mat stats, centers, labels = parts(q.similarity, stats, centers); std::vector<ScoredMask> out;
    for (const auto& p : prompts) {
      const int l = labels.at<int>(p.point.y, p.point.x);
      out.push_back({}); if (l == 0) continue;
      const int* s = stats.ptr<int>(l);
      out.back() = {crop_to_box(MaskView(cv::Mat(labels({s[0], s[1], s[2], s[3]}) == l)), {s[0], s[1]}), 0.5f};
    }
    return out;
  }
};
}
