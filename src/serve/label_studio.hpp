// label_studio.hpp: Label Studio's ML backend, as JSON in and JSON out.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "label_config.hpp"
#include "messages.hpp"
#include "task_images.hpp"
#include "tool_queries.hpp"

namespace persense::serve {

/// Answers what Label Studio asks a model: POST /setup and /predict.
///
/// What a region marks (of the request's context: an interactive prediction) is looked for in all
/// of the image. Without a context, objects are looked for that are like those of the server's own
/// supports or, where it has none, like those of the task's last annotation.
/// @par Source  https://labelstud.io/guide/ml_create
/// @par Threads  All members may be called from several threads at once.
class LabelStudio {
 public:
  LabelStudio(ToolQueries& queries, const TaskImages& images)
      : queries_(queries), images_(images) {}

  /// {"model_version"} for {"schema": labeling configuration, ...}.
  /// @throws InvalidArgument  a configuration without regions of images.
  Json setup(const Json& request) const;

  /// {"results": [{"result": regions, "score", "model_version"}, ...], "model_version"} for
  /// {"tasks", "label_config", "params": {"context"}}: a result for each task. Of several tasks,
  /// one that fails has {"error"} instead; Label Studio then keeps no prediction for it. With
  /// nothing to look for there are no regions, and a "message" that says why.
  /// @throws InvalidArgument, FileNotFound, Unreadable  of the only task.
  Json predict(const Json& request, const std::function<bool()>& should_stop);

 private:
  Json predict_task(const Json& task, const LabelConfig& config, const Json& context,
                    const std::function<bool()>& should_stop);

  ToolQueries& queries_;
  const TaskImages& images_;
};

}  // namespace persense::serve
