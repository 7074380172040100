// ask_label.hpp: a model that is asked what the marked object is called.
#pragma once

#include <stop_token>

#include "label_flags.hpp"
#include "marks.hpp"

namespace persense::cli {

/// Asks the endpoint about the first example of a class that is not negative.
/// @throws as ClassLabelExtractor::extract and support_of.
ClassLabel ask_label(const LabelFlags& flags, const MarkedClass& marked,
                     const EncodedMarks& encoded, const Engine& engine,
                     const std::stop_token& stop);

}  // namespace persense::cli
