#include "label_flags.hpp"

#include <fmt/format.h>

#include "option_flags.hpp"

namespace persense::cli {

void add_label_flags(Command command, LabelFlags& flags) {
  const char* const group = "Label";
  const Flag name =
      command
          .add_option("--label", flags.name,
                      "what the object is called: the COCO category, and for detectors that read "
                      "text")
          .type_name("NAME")
          .group(group);
  const Flag endpoint =
      command
          .add_option("--label-endpoint", flags.settings.endpoint,
                      "ask a vision-language model there: a server of OpenAI's chat interface "
                      "(llama.cpp, vLLM, ...), as http://localhost:8080")
          .type_name("URL")
          .not_empty()
          .excludes(name)
          .group(group);
  const auto add = [&](const char* flag, auto& value, const char* type, const char* help) {
    return command.add_option(flag, value, help).type_name(type).needs(endpoint).group(group);
  };
  LabelSettings& settings = flags.settings;
  add("--label-model", settings.model, "NAME", "the model, as the server calls it");
  add("--label-prompt", settings.prompt, "TEXT", "what it is asked").capture_default_str();
  add("--label-temperature", settings.temperature, "T", "0 is repeatable with most models")
      .capture_default_str();
  add("--label-max-tokens", settings.max_tokens, "N",
      "of the answer, with the reasoning of models that reason")
      .capture_default_str();
  add("--label-timeout", settings.timeout, "SECONDS", "the longest it may take, retries included")
      .capture_default_str();
  add("--label-retries", settings.retries, "N", "more tries when the server is busy or not there")
      .capture_default_str();
  add("--label-key-env", settings.key_variable, "VARIABLE",
      "the environment variable that holds the server's key");
  add("--label-ca", settings.ca_bundle, "FILE", "PEM certificates that https trusts instead");
}

std::map<std::string, std::string> label_source(const LabelFlags& flags) {
  if (flags.settings.endpoint.empty()) return {};
  const LabelSettings& asked = flags.settings;
  return {{"label endpoint", ClassLabelExtractor(asked).shown_endpoint()},
          {"label model", asked.model},
          {"label prompt", asked.prompt},
          {"label temperature", fmt::format("{}", asked.temperature)}};
}

}  // namespace persense::cli
