// score_knots.hpp (private): what scores of the weight-free stages are worth.
#pragma once

#include <array>

#include "persense/regions/score_calibration.hpp"

namespace persense::classic {

/// Fitted on real images of mandarins, axons, particles and the burden of a blast furnace, whose
/// three classes are look-alikes: `python -m persense_training.calibrate classic`.
inline constexpr std::array<regions::ScoreKnot, 8> score_knots{{{0.0f, 0.0f},
                                                                {0.15f, 0.141f},
                                                                {0.25f, 0.237f},
                                                                {0.35f, 0.303f},
                                                                {0.45f, 0.497f},
                                                                {0.55f, 0.511f},
                                                                {0.7f, 0.813f},
                                                                {1.0f, 1.0f}}};

}  // namespace persense::classic
