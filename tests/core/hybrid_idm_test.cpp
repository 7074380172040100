// The hybrid IDM on rendered density maps, where the truth is known: one point for each object.
#include <cmath>
#include <cstdio>
#include <opencv2/imgproc.hpp>
#include <random>
#include <vector>

#include "catch.hpp"
#include "persense/idm.hpp"

using namespace persense;

namespace {

struct Scene {
  FloatMap density;
  std::vector<Point> centers;
  double diameter = 0;
};

struct Kind {
  const char* name;
  int objects;
  double apart;    // least distance of centres, diameters
  double sigma;    // of an object's Gaussian, diameters
  double spread;   // of diameters: largest over smallest
  double noise;    // standard deviation, part of the highest peak
  double top = 1;  // what is higher than this part of the highest peak is as high
};

// Gaussians of mass 1 at random places; each grows with its object, as density networks are
// trained.
Scene render(const Kind& kind, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&](double low, double high) {
    return low + (high - low) * (static_cast<double>(random()) / 4294967296.0);
  };
  constexpr double diameter = 16;
  const int side =
      std::max(96, static_cast<int>(diameter * kind.apart * std::sqrt(kind.objects / 0.6)));
  Scene scene{FloatMap::Zero(side, side), {}, diameter};
  std::vector<double> sizes;
  for (int tries = 0; static_cast<int>(scene.centers.size()) < kind.objects && tries < 200000;
       ++tries) {
    const Point p{static_cast<int>(uniform(8, side - 8)), static_cast<int>(uniform(8, side - 8))};
    const double size = diameter * std::pow(kind.spread, uniform(-0.5, 0.5));
    bool free = true;
    for (std::size_t i = 0; i < scene.centers.size() && free; ++i)
      free = std::hypot(p.x - scene.centers[i].x, p.y - scene.centers[i].y) >=
             kind.apart * 0.5 * (size + sizes[i]);
    if (!free) continue;
    scene.centers.push_back(p);
    sizes.push_back(size);
  }
  for (std::size_t i = 0; i < scene.centers.size(); ++i) {
    const double s = kind.sigma * sizes[i];
    const int reach = static_cast<int>(4 * s) + 1;
    const Point c = scene.centers[i];
    for (int y = std::max(c.y - reach, 0); y < std::min(c.y + reach, side); ++y)
      for (int x = std::max(c.x - reach, 0); x < std::min(c.x + reach, side); ++x)
        scene.density(y, x) += static_cast<float>(
            std::exp(-0.5 * (std::pow(x - c.x, 2) + std::pow(y - c.y, 2)) / (s * s)) /
            (6.283185307 * s * s));
  }
  scene.density = scene.density.min(static_cast<float>(kind.top) * scene.density.maxCoeff());
  if (kind.noise > 0) {
    const double highest = scene.density.maxCoeff();
    std::normal_distribution<double> normal(0, kind.noise * highest);
    FloatMap noise(side, side);
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) noise(y, x) = static_cast<float>(normal(random));
    cv::Mat smooth;
    cv::GaussianBlur(as_mat(noise), smooth, {0, 0}, 1.5);
    scene.density = (scene.density + as_map(smooth)).max(0.0f);
  }
  return scene;
}

struct Score {
  double right = 0, points = 0, objects = 0;
  double recall() const { return right / objects; }
  double precision() const { return points > 0 ? right / points : 0; }
  double f1() const { return 2 * right / (points + objects); }
};

// A point is right if it is the first within half a diameter of an object's centre.
void add(Score& score, const Scene& scene, const std::vector<Point>& points) {
  std::vector<bool> taken(scene.centers.size(), false);
  for (const Point p : points) {
    std::size_t best = taken.size();
    double nearest = 0.5 * scene.diameter;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const double d = std::hypot(p.x - scene.centers[i].x, p.y - scene.centers[i].y);
      if (!taken[i] && d <= nearest) {
        nearest = d;
        best = i;
      }
    }
    if (best == taken.size()) continue;
    taken[best] = true;
    ++score.right;
  }
  score.points += static_cast<double>(points.size());
  score.objects += static_cast<double>(scene.centers.size());
}

Score score_of(const Kind& kind, IdmMode mode, Rules rules) {
  Score score;
  for (unsigned seed = 1; seed <= (kind.objects >= 500 ? 2u : 6u); ++seed) {
    const Scene scene = render(kind, seed);
    IdmOptions options;
    options.mode = mode;
    options.rules = rules;
    const Size size = size_of(scene.density);
    add(score, scene, idm(scene.density, size, options, scene.diameter).points);
  }
  return score;
}

const Kind kinds[] = {
    {"10 apart", 10, 1.6, 0.25, 1, 0},
    {"50 touching", 50, 1.0, 0.25, 1, 0},
    {"200 touching", 200, 1.0, 0.25, 1, 0},
    {"1000 touching", 1000, 1.0, 0.25, 1, 0},
    {"200 overlapping", 200, 0.75, 0.25, 1, 0},
    {"200 wide peaks", 200, 1.0, 0.35, 1, 0},
    {"200 of sizes 1:2", 200, 1.0, 0.25, 2, 0},
    {"200 of sizes 1:4", 200, 1.0, 0.25, 4, 0},
    {"200 in noise", 200, 1.0, 0.25, 1.5, 0.05},
    {"200 with flat tops", 200, 1.0, 0.25, 1.5, 0, 0.6},
};

}  // namespace

TEST_CASE("hybrid idm: finds more objects than contours or peaks, and gives each one point",
          "[idm]") {
  std::printf("%-18s %17s %17s %17s %17s\n", "recall, precision", "contour", "released: peaks",
              "released: hybrid", "hybrid");
  for (const Kind& kind : kinds) {
    const Score scores[] = {score_of(kind, IdmMode::contour, Rules::paper),
                            score_of(kind, IdmMode::peaks, Rules::reference),
                            score_of(kind, IdmMode::hybrid, Rules::reference),
                            score_of(kind, IdmMode::hybrid, Rules::paper)};
    std::printf("%-18s", kind.name);
    for (const Score& s : scores) std::printf("      %.3f %.3f", s.recall(), s.precision());
    std::printf("\n");
    INFO(kind.name);
    for (const Score& s : scores) CHECK(scores[3].f1() >= s.f1());
    CHECK(scores[3].precision() >= 0.98);
  }
}
