// manifest.hpp (private): from the text of `persense.json` to a Manifest.
#pragma once

#include <string>

#include "persense/models/manifest.hpp"

namespace persense {

/// @param where  begins every message: the archive's path.
/// @throws BadModel  not JSON, a newer format, or a field that is missing, of the wrong type or out
///   of range; the message names the field.
Manifest parse_manifest(const std::string& text, const std::string& where);

/// @param where  as above. @throws BadModel  a model of another stage.
void require_stage(const Manifest& manifest, Stage expected, const std::string& where);

}  // namespace persense
