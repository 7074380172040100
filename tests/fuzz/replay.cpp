// Runs a target without libFuzzer: on its corpus, then on changed copies of what is there, always
// the same ones. What the changes are is libFuzzer's idea; what it learns from coverage is not
// here.
//
//   fuzz_npy FOLDER npy 20000     the corpus FOLDER/corpus/npy, then 20000 changes of it
//   fuzz_npy FILE                 one input
#include <csignal>
#include <map>
#include <random>
#include <vector>

#include "target.hpp"

// A target may have one.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                                                     std::size_t size,
                                                                     std::size_t most,
                                                                     unsigned seed);

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr std::size_t longest = 1 << 16;

std::mt19937 source(20240613);

std::size_t below(std::size_t end) { return end == 0 ? 0 : source() % end; }

std::vector<Input> corpus;
std::vector<Input> words;  // of the dictionary

Input bytes_of(const fs::path& file) {
  const std::string text = persense::fuzz::content_of(file);
  return {text.begin(), text.end()};
}

/// The words of a libFuzzer dictionary: a quoted one a line, with \xAB, \\ and \".
void read_words(const fs::path& file) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find('"'), end = line.rfind('"');
    if (line.empty() || line[0] == '#' || begin == end) continue;
    Input word;
    for (std::size_t i = begin + 1; i < end; ++i) {
      if (line[i] != '\\') {
        word.push_back(static_cast<std::uint8_t>(line[i]));
      } else if (line[++i] == 'x') {
        word.push_back(static_cast<std::uint8_t>(std::stoi(line.substr(i + 1, 2), nullptr, 16)));
        i += 2;
      } else {
        word.push_back(static_cast<std::uint8_t>(line[i]));
      }
    }
    words.push_back(word);
  }
}

void insert(Input& input, std::size_t at, const Input& what) {
  input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
}

Input stretch_of(const Input& input) {
  const std::size_t at = below(input.size()),
                    length = 1 + below(std::min<std::size_t>(64, input.size() - at));
  return {input.begin() + static_cast<std::ptrdiff_t>(at),
          input.begin() + static_cast<std::ptrdiff_t>(at + length)};
}

void put_over(Input& input, const Input& what) {
  const std::size_t at = below(input.size());
  std::copy_n(what.begin(), std::min(what.size(), input.size() - at),
              input.begin() + static_cast<std::ptrdiff_t>(at));
}

/// An integer at an end of its range, or next to it, in either order of its bytes.
Input extreme_integer() {
  const std::size_t size = std::size_t{1} << below(4);
  const std::uint64_t highest = ~std::uint64_t{0} >> (64 - 8 * size);
  const std::uint64_t values[] = {
      0, 1, highest, highest - 1, highest / 2, highest / 2 + 1, 1u << below(32)};
  const std::uint64_t value = values[below(std::size(values))];
  Input bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  if (below(2) == 0) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

Input extreme_number() {
  constexpr const char* numbers[] = {"-1",
                                     "0",
                                     "1e300",
                                     "-1e300",
                                     "1e39",
                                     "0.5",
                                     "2147483647",
                                     "2147483648",
                                     "-2147483649",
                                     "4294967301",
                                     "9223372036854775808",
                                     "18446744073709551616",
                                     "1e-320"};
  const std::string text = numbers[below(std::size(numbers))];
  return {text.begin(), text.end()};
}

/// A decimal number in a text becomes another one.
void change_number(Input& input) {
  const auto is_digit = [](std::uint8_t c) { return c >= '0' && c <= '9'; };
  const auto from = input.begin() + static_cast<std::ptrdiff_t>(below(input.size()));
  const auto begin = std::find_if(from, input.end(), is_digit);
  if (begin == input.end()) return;
  const auto at = static_cast<std::size_t>(begin - input.begin());
  input.erase(begin, std::find_if_not(begin, input.end(), is_digit));
  insert(input, at, extreme_number());
}

/// A stretch many times, so that what nests or lists may do so without end.
void repeat(Input& input) {
  const Input stretch = stretch_of(input);
  Input many;
  const std::size_t length = std::size_t{1} << below(16);
  while (many.size() < length) many.insert(many.end(), stretch.begin(), stretch.end());
  insert(input, below(input.size()), many);
}

void change(Input& input) {
  if (input.empty()) input.push_back(0);
  switch (below(12)) {
    case 0:
    case 1:
      input[below(input.size())] ^= static_cast<std::uint8_t>(1u << below(8));
      break;
    case 2:
      input[below(input.size())] = static_cast<std::uint8_t>(source());
      break;
    case 3:
      input.resize(below(input.size()));
      break;
    case 4: {
      const Input stretch = stretch_of(input);
      const std::size_t at = below(input.size() - stretch.size() + 1);
      input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                  input.begin() + static_cast<std::ptrdiff_t>(at + stretch.size()));
      break;
    }
    case 5:
      put_over(input, extreme_integer());
      break;
    case 6:
      change_number(input);
      break;
    case 7:
      if (!words.empty()) put_over(input, words[below(words.size())]);
      break;
    case 8:
      if (!words.empty()) insert(input, below(input.size()), words[below(words.size())]);
      break;
    case 9: {  // the beginning of this, the end of another
      const Input& other = corpus[below(corpus.size())];
      input.resize(below(input.size()));
      insert(input, input.size(),
             {other.begin() + static_cast<std::ptrdiff_t>(below(other.size())), other.end()});
      break;
    }
    case 10:
      insert(input, below(input.size()), stretch_of(input));
      break;
    default:
      if (below(8) == 0) repeat(input);
      break;
  }
}

/// What is tried when the program ends by a fault, to be looked at again.
Input tried;

void keep_what_was_tried(int signal) {
  if (std::FILE* const file = std::fopen("fault-input", "wb")) {
    std::fwrite(tried.data(), 1, tried.size(), file);
    std::fclose(file);
    std::fputs("the input is in the file fault-input\n", stderr);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(Input input) {
  tried = std::move(input);
  const Input exact(tried);  // of just this size, so that what reads beyond it is seen
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  Input input(data, data + size);
  for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) change(input);
  if (input.size() > most) input.resize(most);
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

int main(int count, char** arguments) {
  std::signal(SIGABRT, keep_what_was_tried);
  std::signal(SIGSEGV, keep_what_was_tried);
  if (count == 2) return run(bytes_of(arguments[1])), 0;
  if (count != 4) {
    std::fprintf(stderr, "usage: %s FOLDER TARGET CHANGES, or %s FILE\n", arguments[0],
                 arguments[0]);
    return 2;
  }
  const fs::path folder = arguments[1];
  const std::string name = arguments[2];
  std::map<std::string, Input> files;  // by name: a folder has no order
  for (const auto& file : fs::directory_iterator(folder / "corpus" / name))
    files[file.path().filename().string()] = bytes_of(file.path());
  for (auto& [unused, input] : files) corpus.push_back(std::move(input));
  read_words(folder / (name + ".dict"));
  persense::fuzz::require(!corpus.empty(), "there is a corpus");
  run({});
  for (const Input& input : corpus) run(input);
  Input room(longest);
  for (int i = 0, changes = std::atoi(arguments[3]); i < changes; ++i) {
    const Input& seed = corpus[below(corpus.size())];
    std::size_t size = std::min(seed.size(), longest);
    std::copy_n(seed.begin(), size, room.begin());
    size =
        LLVMFuzzerCustomMutator != nullptr
            ? LLVMFuzzerCustomMutator(room.data(), size, longest, static_cast<unsigned>(source()))
            : LLVMFuzzerMutate(room.data(), size, longest);
    run({room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  std::printf("%zu inputs and %s changes of them\n", corpus.size(), arguments[3]);
}
