#include "pickle.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <utility>

namespace persense::mini::native {

namespace {

struct Value;
using Ref = Value*;  // of an Unpickler, as values may contain one another

/// What a pickle is made of. Modules, dictionaries and the state of either are `object`.
struct Value {
  enum Kind { other, number, text, name, list, storage, tensor, object, mark } kind = other;
  std::uint64_t integer = 0;
  std::string string;  ///< of a text; of a name, without its module
  std::vector<Ref> items;
  std::vector<std::pair<std::string, Ref>> fields;
  StoredTensor stored;
};

/// A machine for pickles of protocol 2 in the part that LibTorch writes of it.
class Unpickler {
 public:
  explicit Unpickler(std::string_view bytes) : bytes_(bytes) {}

  /// There as long as this is.
  Ref result() {
    while (true) {
      const char code = take(1)[0];
      if (code == '.') return pop();
      step(code);
    }
  }

 private:
  std::string_view take(std::size_t count) {
    if (bytes_.size() < count) throw std::runtime_error("its list of tensors ends early");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::uint64_t integer(std::size_t bytes) {
    std::uint64_t value = 0;
    const std::string_view taken = take(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::uint64_t{static_cast<std::uint8_t>(taken[i])} << (8 * i);
    return value;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n');
    if (end == bytes_.npos) throw std::runtime_error("its list of tensors ends early");
    const std::string text(take(end));
    take(1);
    return text;
  }

  Ref value_of(Value::Kind kind) {
    values_.emplace_back().kind = kind;
    return &values_.back();
  }
  void push(Ref value) { stack_.push_back(value); }
  Value& top() {
    if (stack_.empty()) throw std::runtime_error("its list of tensors is in disorder");
    return *stack_.back();
  }
  Ref pop() {
    top();
    const Ref value = stack_.back();
    stack_.pop_back();
    return value;
  }
  /// What lies above the topmost mark, which goes, too.
  std::vector<Ref> pop_marked() {
    std::vector<Ref> items;
    while (top().kind != Value::mark) items.insert(items.begin(), pop());
    pop();
    return items;
  }

  void step(char code);
  void push_number(std::uint64_t number) {
    push(value_of(Value::number));
    top().integer = number;
  }
  void push_text(std::size_t length) {
    push(value_of(Value::text));
    top().string = take(length);
  }
  void push_list(std::vector<Ref> items) {
    push(value_of(Value::list));
    top().items = std::move(items);
  }
  void push_last(std::size_t count) {
    std::vector<Ref> items(count);
    while (count > 0) items[--count] = pop();
    push_list(std::move(items));
  }
  void set(Value& object, const std::vector<Ref>& pairs) {
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
      object.fields.emplace_back(pairs[i]->string, pairs[i + 1]);
  }
  void push_storage(const Value& named);
  void call(const Value& called, const Value& arguments);
  Ref memory(std::uint64_t index) const {
    const auto found = memory_.find(index);
    if (found == memory_.end()) throw std::runtime_error("its list of tensors is in disorder");
    return found->second;
  }
  void remember(std::uint64_t index) {
    top();
    memory_[index] = stack_.back();
  }

  std::string_view bytes_;
  std::deque<Value> values_;
  std::vector<Ref> stack_;
  std::map<std::uint64_t, Ref> memory_;
};

/// The opcodes: those of Python's pickletools.
void Unpickler::step(char code) {
  switch (code) {
    case '\x80':
      take(1);
      return;    // PROTO
    case 'c': {  // GLOBAL
      line();
      push(value_of(Value::name));
      top().string = line();
      return;
    }
    case 'q':
      return remember(integer(1));  // BINPUT
    case 'r':
      return remember(integer(4));  // LONG_BINPUT
    case 'h':
      return push(memory(integer(1)));  // BINGET
    case 'j':
      return push(memory(integer(4)));  // LONG_BINGET
    case 'N':
      return push(value_of(Value::other));  // NONE
    case '\x88':
      return push_number(1);  // NEWTRUE
    case '\x89':
      return push_number(0);  // NEWFALSE
    case 'K':
      return push_number(integer(1));  // BININT1
    case 'M':
      return push_number(integer(2));  // BININT2
    case 'J':
      return push_number(integer(4));  // BININT
    case '\x8a':
      return push_number(integer(integer(1) & 7));  // LONG1
    case 'G':
      take(8);
      return push(value_of(Value::other));  // BINFLOAT
    case 'X':
      return push_text(integer(4));  // BINUNICODE
    case '(':
      return push(value_of(Value::mark));  // MARK
    case ')':
      return push_list({});  // EMPTY_TUPLE
    case ']':
      return push_list({});  // EMPTY_LIST
    case '}':
      return push(value_of(Value::object));  // EMPTY_DICT
    case 't':
      return push_list(pop_marked());  // TUPLE
    case '\x85':
      return push_last(1);  // TUPLE1
    case '\x86':
      return push_last(2);  // TUPLE2
    case '\x87':
      return push_last(3);  // TUPLE3
    case 'a': {             // APPEND
      const Ref item = pop();
      top().items.push_back(item);
      return;
    }
    case 'e': {  // APPENDS
      const std::vector<Ref> items = pop_marked();
      top().items.insert(top().items.end(), items.begin(), items.end());
      return;
    }
    case 's': {  // SETITEM
      const Ref value = pop(), key = pop();
      return set(top(), {key, value});
    }
    case 'u': {  // SETITEMS
      const std::vector<Ref> pairs = pop_marked();
      return set(top(), pairs);
    }
    case '\x81': {  // NEWOBJ
      pop();
      pop();
      return push(value_of(Value::object));
    }
    case 'b': {  // BUILD
      const Ref state = pop();
      top().fields = state->fields;
      return;
    }
    case 'Q':
      return push_storage(*pop());  // BINPERSID
    case 'R': {                     // REDUCE
      const Ref arguments = pop(), called = pop();
      return call(*called, *arguments);
    }
    default:
      throw std::runtime_error(
          fmt::format("its list of tensors has a code that LibTorch does not write, 0x{:02x}",
                      static_cast<std::uint8_t>(code)));
  }
}

/// @param named  ("storage", its type, its name, where it was, how many numbers).
void Unpickler::push_storage(const Value& named) {
  if (named.items.size() != 5) throw std::runtime_error("its list of tensors is in disorder");
  push(value_of(Value::storage));
  top().stored.type = named.items[1]->string;
  top().stored.storage = named.items[2]->string;
}

std::vector<std::size_t> numbers_of(const Value& list) {
  std::vector<std::size_t> numbers;
  for (const Ref& item : list.items) numbers.push_back(item->integer);
  return numbers;
}

void Unpickler::call(const Value& called, const Value& arguments) {
  if (called.string != "_rebuild_tensor_v2") return push(value_of(Value::object));
  // storage, offset, shape, strides, whether it has a gradient, hooks
  if (arguments.items.size() < 4 || arguments.items[0]->kind != Value::storage)
    throw std::runtime_error("its list of tensors is in disorder");
  push(value_of(Value::tensor));
  StoredTensor& tensor = top().stored;
  tensor = arguments.items[0]->stored;
  tensor.offset = arguments.items[1]->integer;
  tensor.shape = numbers_of(*arguments.items[2]);
  tensor.strides = numbers_of(*arguments.items[3]);
}

/// Tensors of a module and of those in it. One that has no end of them is no module.
class Collection {
 public:
  explicit Collection(std::map<std::string, StoredTensor>& to) : to_(to) {}

  void add(const Value& module, const std::string& name, int depth = 0) {
    constexpr int deepest = 32, most = 10'000;
    if (depth > deepest || ++modules_ > most)
      throw std::runtime_error("its modules lie within one another without end");
    for (const auto& [field, value] : module.fields) {
      const std::string whole = name.empty() ? field : name + "." + field;
      if (value->kind == Value::tensor) to_.emplace(whole, value->stored);
      if (value->kind == Value::object) add(*value, whole, depth + 1);
    }
  }

 private:
  std::map<std::string, StoredTensor>& to_;
  int modules_ = 0;
};

}  // namespace

std::map<std::string, StoredTensor> stored_tensors(std::string_view pickled) {
  std::map<std::string, StoredTensor> tensors;
  Unpickler unpickler(pickled);
  Collection(tensors).add(*unpickler.result(), "");
  return tensors;
}

}  // namespace persense::mini::native
