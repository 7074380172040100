/* The header before and beside everything else, twice. */
#include "persense.h"

persense_status use(const persense_pipeline_options* options, persense_pipeline** out);
persense_status use(const persense_pipeline_options* options, persense_pipeline** out) {
  return persense_pipeline_create(options, out);
}
