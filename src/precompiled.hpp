// What nearly every source of the libraries includes, compiled once.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>
