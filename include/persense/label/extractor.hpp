// persense/label/extractor.hpp: class label extraction (CLE), a vision-language model asked what
// the support object is.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "persense/error.hpp"
#include "persense/image.hpp"
#include "persense/options.hpp"

namespace persense {

/// Which model is asked, and how.
struct LabelSettings {
  /// Of a server with OpenAI's chat interface (llama.cpp, vLLM, ...), http or https: the server
  /// ("http://localhost:8080"), its base path ("https://host/v1"), or the whole path, which ends in
  /// /chat/completions. Without user name and password.
  std::string endpoint;
  std::string model;  ///< as the server calls it; empty: left out, for servers that have just one
  std::string prompt = "Name the object in the image?";  ///< the paper's
  double temperature = 0.2;  ///< 0 to 2; the released code's. 0 makes most models repeatable
  int max_tokens = 512;      ///< of the answer, 1 to 100000; the released code's
  double timeout =
      60;           ///< seconds, up to 86400: the whole question takes no longer, retries included
  int retries = 2;  ///< 0 to 100 more tries when the server is busy, fails or is not there yet
  double backoff =
      0.5;  ///< seconds before the first of them, 0 to 3600; each next waits twice as long
  std::string
      key_variable;       ///< the environment variable with the server's key; empty: no key is sent
  std::string ca_bundle;  ///< PEM file of the authorities that https trusts; empty: the system's
  Rules rules =
      Rules::paper;  ///< or as the released code: asked for words, of which the last is it
};

/// An endpoint that was not reached, or whose answer cannot be used.
class NoAnswer : public Unreadable {
 public:
  using Unreadable::Unreadable;
};

/// What the model said, and what it means.
struct ClassLabel {
  std::string label;   ///< "potato"
  std::string phrase;  ///< "all potatoes", of the plural that the model gave
  std::string
      answer;  ///< as the model gave it: JSON, or "The object in the image is a ripe potato."
};

/// The support image with everything beside the object black: a * b / 255 in 8 bits, rounded, with
/// the mask at 0 or 255.
/// @return  CV_8UC3, R, G, B. @throws InvalidArgument  as check_support(), whose mask it uses.
/// @par Source  released code.
cv::Mat masked_support(ImageView image, MaskView mask);

/// What the model is shown: masked_support(), where the object's longer side is a quarter of the
/// image's or more; else a square of 2.5 times that side around the object, as far as the image
/// goes. An object of fewer than 168 pixels is enlarged to as many, with what is around it.
/// @return  as masked_support().
/// @par Rules  Rules::reference shows masked_support() always.
cv::Mat shown_support(ImageView image, MaskView mask, Rules rules = Rules::paper);

/// Asks a model behind an OpenAI-compatible endpoint to name the support object.
///
/// It asks for JSON, {"singular": "potato", "plural": "potatoes"}, by `response_format` and in
/// words. A server that rejects this (status 400 or 422) is asked the prompt alone. An answer in
/// words, whichever way it was asked for, is read by noun_from_answer() and all_phrase(). Reasoning
/// before the reply, up to the last `</think>` or another mark of its kind, is left out.
///
/// A server that refuses `temperature` in such an answer is asked without one, and one that refuses
/// `max_tokens` with `max_completion_tokens`, then without a limit. What a server refused before it
/// answered is not sent to it again by this extractor and its copies.
///
/// The key is read from the environment for each request and goes into its Authorization header and
/// nowhere else; a server that repeats it finds it masked in the error. Redirects are not followed.
/// Certificates and host names are verified.
/// @par Threads  Const throughout; any number of threads may ask at once.
class ClassLabelExtractor {
 public:
  /// Checks the settings; nothing is sent yet.
  /// @throws InvalidArgument  an endpoint that is no such URL, a value out of its range, or a build
  ///   without an HTTP client (or, for https, without TLS).
  explicit ClassLabelExtractor(LabelSettings settings);

  /// Whether this build has an HTTP client, and whether that can do https.
  static bool is_built_in();
  static bool has_tls();

  const LabelSettings& settings() const { return settings_; }

  /// The endpoint as errors name it: without query.
  const std::string& shown_endpoint() const { return shown_; }

  /// Asks. Busy servers (429), failing ones (5xx) and those that cannot be reached are asked again,
  /// after the back-off or after what Retry-After says, as long as `timeout` allows.
  /// @param should_stop  asked about twenty times a second, on the calling thread; true ends the
  ///   wait. It may throw.
  /// @throws InvalidArgument  as shown_support; a key variable that is not set or holds no key.
  /// @throws NoAnswer         no connection, no answer in time, another status than 200, a
  ///   certificate that does not verify, an answer of more than 1 MiB, none that can be read, one
  ///   that names no object, one that ends before the reasoning in it does, or JSON whose names are
  ///   empty or over 60 bytes. One line with the endpoint, what came, what was expected, and
  ///   --label.
  /// @throws Cancelled        should_stop asked for it.
  ClassLabel extract(ImageView image, MaskView mask,
                     const std::function<bool()>& should_stop = {}) const;

 private:
  LabelSettings settings_;
  std::string shown_;
  std::shared_ptr<std::atomic<unsigned>> refused_;  ///< parameters: what the server does not take
};

}  // namespace persense
