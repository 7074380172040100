// persense/impl/class_label.hpp: bodies of class_label.hpp, which includes it unless they are
// compiled elsewhere.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "persense/class_label.hpp"
#include "persense/detail/english.hpp"
#include "persense/detail/reply.hpp"
#include "persense/error.hpp"
#include "persense/options.hpp"

namespace persense {

namespace detail {

inline std::string reference_plural(std::string_view noun) {
  const std::string many(noun), low = lowered(noun);
  if (low.ends_with('s')) return many;
  if (low.ends_with('y') && !low.ends_with("ey")) return many.substr(0, many.size() - 1) + "ies";
  return many + (std::string_view("haiou").find(low.back()) < 5 ? "es" : "s");
}

}  // namespace detail

PERSENSE_DECL std::string all_phrase(std::string_view label, Rules rules) {
  if (label.empty()) throw InvalidArgument("class label: empty, expected a noun");
  return "all " +
         (rules == Rules::reference ? detail::reference_plural(label) : english::plural_of(label));
}

PERSENSE_DECL std::string label_from_answer(std::string_view answer) {
  std::string label = detail::reply_in(answer);
  while (!label.empty() && detail::is_space(label.back())) label.pop_back();
  if (label.empty()) throw InvalidArgument("class label: the answer holds no word");
  label.erase(label.begin(), std::find_if(label.rbegin(), label.rend(), detail::is_space).base());
  std::erase(label, '.');
  return label;
}

}  // namespace persense
