// run_settings.hpp: what decides the outputs of a run, from its request.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "marks.hpp"
#include "persense/engine.hpp"
#include "persense/io/images.hpp"
#include "persense/io/measurements.hpp"
#include "run_record.hpp"
#include "segment.hpp"

namespace persense::cli {

/// Where the record of the request's run is.
std::filesystem::path record_file(const SegmentRequest& request);

/// What --resume compares.
RunRecord::Settings settings_of(const SegmentRequest& request, const Options& options,
                                const Marks& marks, const Region& region);

/// What --window says; none without it. @throws InvalidArgument.
std::optional<io::Window> window_of(const SegmentRequest& request);

/// What --pixel-size says. @throws InvalidArgument.
io::PixelSize pixel_size_of(const SegmentRequest& request);

/// What to say of the window of a run. @param of_support  not of the first query.
std::string window_note(const SegmentRequest& request, const io::Window& window, bool of_support);

/// The stages and options that are asked for, loaded. @throws as Engine.
Engine engine_of(const SegmentRequest& request);

/// The outputs that are wanted of each query: see output_paths.
std::set<std::string> kinds_of(const SegmentRequest& request);

}  // namespace persense::cli
