// What nearly every test of the TorchScript stages includes, compiled once.
#pragma once

#include <torch/script.h>

#include "catch.hpp"
#include "persense/torch/module.hpp"
