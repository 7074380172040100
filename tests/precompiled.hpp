// What nearly every test includes, compiled once.
#pragma once

#include <Eigen/Core>
#include <opencv2/core.hpp>

#include "catch.hpp"
#include "persense/pipeline.hpp"
