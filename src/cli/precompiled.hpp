// What nearly every source of the program includes, compiled once.
#pragma once

#include <CLI/CLI.hpp>

#include "../precompiled.hpp"
