// What nearly every source of the TorchScript stages includes, compiled once.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <string>
#include <vector>
