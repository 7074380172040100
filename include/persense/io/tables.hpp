// persense/io/tables.hpp: one line of text an instance.
#pragma once

#include <filesystem>
#include <string>

#include "persense/result.hpp"

namespace persense::io {

/// The instances as CSV: a header line, then `id,x,y,x0,y0,x1,y1,area,score,class,touches_border` a
/// line. id counts from 1 and is the value in the label image; x, y is the point prompt; the box is
/// half-open; area is in pixels; score has four decimals; class is its name (see class_names),
/// quoted where it holds a comma or a quote; touches_border is 0 or 1.
std::string to_csv(const Result& result);

/// Writes `to_csv`. @throws Unwritable.
void write_csv(const std::filesystem::path& path, const Result& result);

}  // namespace persense::io
