// The file around a module: what is in it, and damage of every kind.
#include "models/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "archives.hpp"
#include "catch.hpp"
#include "io/scratch.hpp"
#include "persense/error.hpp"
#include "persense/torch/module.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using torchscript::Module;

namespace {

/// An archive with weights, an integer table and code that LibTorch deflates.
void save_conv(const fs::path& file, const std::string& manifest = encoder_manifest) {
  torch::manual_seed(1);
  save_archive(file, manifest, R"(
def forward(self, x):
  x = torch.conv2d(x, self.weight, self.bias, [4, 4])
  if x.size(2) > 100:
    assert x.size(3) > 100, "a text that makes the code long enough to be worth deflating"
  return x + self.table.sum()
)",
               [](torch::jit::Module& m) {
                 m.register_parameter("weight", torch::randn({3, 3, 4, 4}), false);
                 m.register_parameter("bias", torch::randn({3}), false);
                 m.register_buffer("table", torch::arange(10));
               });
}

/// Every part's bytes, by name.
std::map<std::string, std::string> contents_of(const fs::path& file) {
  const Archive archive(file);
  std::map<std::string, std::string> contents;
  for (const auto& part : archive.parts()) contents[part.name] = archive.contents(part);
  return contents;
}

/// Copies an archive with LibTorch's own reader and writer, but for what `change` does to each
/// part's bytes; false leaves the part out.
template <class Change>
void copy_archive(const fs::path& from, const fs::path& to, Change&& change) {
  caffe2::serialize::PyTorchStreamReader reader(from.string());
  caffe2::serialize::PyTorchStreamWriter writer(to.string());
  for (const auto& name : reader.getAllRecords()) {
    const auto [data, size] = reader.getRecord(name);
    std::string bytes(static_cast<const char*>(data.get()), size);
    // the writer adds its own
    if (name == ".data/version" || name == "version" || name == ".data/serialization_id") continue;
    if (change(name, bytes)) writer.writeRecord(name, bytes.data(), bytes.size());
  }
  writer.writeEndOfFile();
}

/// What went wrong, if it did so as it should: with an Error of one line that names the archive.
/// Nothing, when it loaded.
template <class Source>
std::optional<ErrorCode> refusal_of(const Source& source, const std::string& name) {
  try {
    const Module module(source, Stage::encoder);
    return {};
  } catch (const Error& e) {
    const std::string message = e.what();
    INFO(message);
    CHECK(message.find('\n') == std::string::npos);
    CHECK_THAT(message, ContainsSubstring(name));
    return e.code();
  }
}
std::optional<ErrorCode> refusal_of(const fs::path& file) {
  return refusal_of(file, file.string());
}
std::optional<ErrorCode> refusal_of(const Bytes& bytes) {
  return refusal_of(EmbeddedArchive{"built in", bytes}, "built in: ");
}

/// Everything that is written to file descriptor 2 while it lives, LibTorch's own words included.
class StandardError {
 public:
  explicit StandardError(const fs::path& file) : file_(file), saved_(::dup(2)) {
    const int target = ::open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ::dup2(target, 2);
    ::close(target);
  }
  ~StandardError() {
    ::dup2(saved_, 2);
    ::close(saved_);
  }
  std::string text() const {
    const auto bytes = bytes_of(file_);
    return {bytes.begin(), bytes.end()};
  }

 private:
  fs::path file_;
  int saved_;
};

using Random = std::mt19937;

std::size_t below(std::size_t end, Random& random) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}

void flip_bit(Bytes& bytes, Random& random) {
  bytes[below(bytes.size(), random)] ^= static_cast<std::uint8_t>(1u << below(8, random));
}

void cut_off(Bytes& bytes, Random& random) { bytes.resize(below(bytes.size(), random)); }

void zero_a_stretch(Bytes& bytes, Random& random) {
  const Bytes before = bytes;
  while (bytes == before) {
    const std::size_t at = below(bytes.size() - 64, random);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 64, std::uint8_t{0});
  }
}

void insert_a_byte(Bytes& bytes, Random& random) {
  const auto at = static_cast<std::ptrdiff_t>(below(bytes.size() + 1, random));
  bytes.insert(bytes.begin() + at, static_cast<std::uint8_t>(below(256, random)));
}

/// Manifests cut off, or with one value of a wrong type.
std::vector<std::string> wrong_manifests(Random& random, std::size_t count) {
  const auto flat = nlohmann::json::parse(encoder_manifest).flatten();
  const std::vector<nlohmann::json> values{nullptr, "", 1e300, true};
  std::vector<std::string> manifests;
  while (manifests.size() < count) {
    std::string text = encoder_manifest;
    text.resize(below(text.size(), random));
    manifests.push_back(text);
    auto wrong = flat;
    std::next(wrong.begin(), static_cast<std::ptrdiff_t>(below(flat.size(), random))).value() =
        values[below(values.size(), random)];
    manifests.push_back(wrong.unflatten().dump());
  }
  manifests.resize(count);
  return manifests;
}

}  // namespace

TEST_CASE("torch archive: parts are those that LibTorch wrote, deflated ones too", "[torch]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  const auto contents = contents_of(folder / "m.pt");
  caffe2::serialize::PyTorchStreamReader reader((folder / "m.pt").string());
  const auto names = reader.getAllRecords();
  REQUIRE(contents.size() == names.size());
  for (const auto& name : names) {
    const auto [data, size] = reader.getRecord(name);
    CHECK(contents.at("m/" + name) == std::string(static_cast<const char*>(data.get()), size));
  }
  const Archive archive(folder / "m.pt");
  CHECK(std::any_of(archive.parts().begin(), archive.parts().end(),
                    [](const auto& part) { return part.deflated; }));
  CHECK_NOTHROW(archive.verify());
}

TEST_CASE("torch archive: in memory it is what it is as a file, and its bytes are needed no longer",
          "[torch]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  Bytes bytes = bytes_of(folder / "m.pt");
  const Archive from_file(folder / "m.pt"), from_memory(EmbeddedArchive{"built in", bytes});
  REQUIRE(from_memory.parts().size() == from_file.parts().size());
  for (std::size_t i = 0; i < from_file.parts().size(); ++i)
    CHECK(from_memory.contents(from_memory.parts()[i]) == from_file.contents(from_file.parts()[i]));
  const Module file(folder / "m.pt", Stage::encoder);
  const Module memory(EmbeddedArchive{"built in", bytes}, Stage::encoder);
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
  CHECK(memory.file() == "built in");
  CHECK(memory.manifest().name == "tiny");
  const auto image = torch::rand({1, 3, 8, 8});
  CHECK(torch::equal(memory({image})[0], file({image})[0]));
}

TEST_CASE("torch archive: nothing is read beyond the end of bytes in memory", "[torch][errors]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  const Bytes bytes = bytes_of(folder / "m.pt");
  const Archive archive(EmbeddedArchive{"built in", bytes});
  REQUIRE(archive.size() == bytes.size());
  Bytes read(2);
  archive.read(bytes.size() - 2, read.data(), 2);
  CHECK(read == Bytes(bytes.end() - 2, bytes.end()));
  for (const std::uint64_t at : {bytes.size() - 1, bytes.size() + 1})
    CHECK(message_of<Unreadable>([&] { archive.read(at, read.data(), 2); }) ==
          fmt::format("built in: ends after {} bytes, expected 2 from {} on", bytes.size(), at));
  CHECK_THROWS_AS(archive.read(1, read.data(), ~std::uint64_t{0}), Unreadable);  // 1 + that: 0
}

TEST_CASE("torch archive: inspect counts the weights, shared ones once", "[torch]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  const auto info = torchscript::inspect(folder / "m.pt");
  CHECK(info.parameters == 3 * 3 * 4 * 4 + 3);
  CHECK(info.bytes == fs::file_size(folder / "m.pt"));
  CHECK(info.parts == contents_of(folder / "m.pt").size());
  CHECK(info.manifest.name == "tiny");
  save_archive(folder / "s.pt", encoder_manifest, "def forward(self, x):\n  return x * self.a\n",
               [](torch::jit::Module& m) {
                 const auto shared = torch::ones({5});
                 m.register_parameter("a", shared, false);
                 m.register_parameter("b", shared, false);
               });
  CHECK(torchscript::inspect(folder / "s.pt").parameters == 5);
}

TEST_CASE("torch archive: what is no archive is refused with its code", "[torch][errors]") {
  const Scratch folder;
  const auto put = [&](const std::string& name, const std::string& text) {
    put_bytes(folder / name, {text.begin(), text.end()});
  };
  const auto check = [&](const fs::path& file, ErrorCode code, const std::string& why) {
    INFO(file);
    CHECK(refusal_of(file) == code);
    CHECK_THAT(message_of<Error>([&] { read_manifest(file); }), ContainsSubstring(why));
  };
  put("text.pt", "just text, and a lot of it, so that there could be an end record");
  put("empty.pt", "");
  put("short.pt", "PK\x03\x04");
  ::mkfifo((folder / "pipe.pt").c_str(), 0600);
  check(folder / "none.pt", ErrorCode::file_not_found, "no such file");
  check(folder / "text.pt" / "m.pt", ErrorCode::file_not_found, "no such file");
  check(folder.path(), ErrorCode::unreadable, "a folder");
  check(folder / "pipe.pt", ErrorCode::unreadable, "not a file");
  check(folder / "text.pt", ErrorCode::unreadable, "not a zip file");
  check(folder / "empty.pt", ErrorCode::unreadable, "an empty file");
  check(folder / "short.pt", ErrorCode::unreadable, "truncated");
  save_conv(folder / "m.pt");
  if (::geteuid() != 0) {
    fs::permissions(folder / "m.pt", fs::perms::none);
    check(folder / "m.pt", ErrorCode::unreadable, "ermission");
  }
}

TEST_CASE("torch archive: a zip file that is not TorchScript is a BadModel", "[torch][errors]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  const auto without = [&](std::initializer_list<std::string> names) {
    copy_archive(folder / "m.pt", folder / "w.pt", [&](const std::string& name, std::string&) {
      return std::find(names.begin(), names.end(), name) == names.end();
    });
    CHECK(refusal_of(folder / "w.pt") == ErrorCode::bad_model);
    return message_of<BadModel>([&] { read_manifest(folder / "w.pt"); });
  };
  CHECK_THAT(without({"constants.pkl"}), ContainsSubstring("a checkpoint"));
  CHECK_THAT(without({"constants.pkl", "data.pkl"}), ContainsSubstring("another zip file"));
  CHECK_THAT(without({"extra/persense.json"}), ContainsSubstring("no persense.json"));
}

TEST_CASE("torch archive: a stage's module does not load as another stage's", "[torch][errors]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  CHECK_THAT(message_of<BadModel>([&] { Module(folder / "m.pt", Stage::decoder); }),
             ContainsSubstring("stage encoder (\"tiny\"), expected one of stage decoder"));
}

TEST_CASE("torch archive: what another writer packs anew still loads", "[torch]") {
  if (std::system("python3 -c 'import zipfile'") != 0) SKIP("there is no python3 here");
  const Scratch folder;
  save_conv(folder / "m.pt");
  const auto contents = contents_of(folder / "m.pt");
  for (const std::string how : {"STORED", "DEFLATED", "64-bit"}) {
    const std::string method = how == "DEFLATED" ? how : "STORED";
    const std::string large = how == "64-bit" ? "True" : "False";
    const std::string script =
        "import sys, zipfile\n"
        "with zipfile.ZipFile(sys.argv[1]) as old, zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_" +
        method +
        ") as new:\n"
        "    for name in old.namelist():\n"
        "        with new.open(name, 'w', force_zip64=" +
        large +
        ") as part:\n"
        "            part.write(old.read(name))\n";
    put_bytes(folder / "pack.py", {script.begin(), script.end()});
    const fs::path packed = folder / (how + ".pt");
    REQUIRE(std::system(("python3 " + (folder / "pack.py").string() + " " +
                         (folder / "m.pt").string() + " " + packed.string())
                            .c_str()) == 0);
    CHECK(contents_of(packed) == contents);
    CHECK(!refusal_of(packed));
  }
}

TEST_CASE("torch archive: what libzip lets pass and LibTorch would read wrongly is refused",
          "[torch][errors]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  Bytes bytes = bytes_of(folder / "m.pt");
  // where the directory's entry of a part begins
  const auto entry_of = [&](const std::string& name) {
    const std::string text(bytes.begin(), bytes.end());
    return static_cast<std::ptrdiff_t>(text.rfind(name) - 46);
  };
  std::string why;
  SECTION("two parts of one name") {
    for (const auto at : {entry_of("m/data/1") + 46, std::ptrdiff_t{0}}) {
      const std::string name = "m/data/1";
      const auto found = std::search(bytes.begin() + at, bytes.end(), name.begin(), name.end());
      *(found + 7) = '0';
    }
    why = "two of its parts have the same name";
  }
  SECTION("a tensor that says it is a folder") {
    bytes[static_cast<std::size_t>(entry_of("m/data/0") + 38)] |= 0x10;
    why = "m/data/0: is marked as a folder";
  }
  SECTION("a small part that says it is large") {
    bytes[static_cast<std::size_t>(entry_of("m/code/__torch__.py.debug_pkl") + 27)] = 0x7f;
    why = "m/code/__torch__.py.debug_pkl: got ";
  }
  SECTION("another end record in a comment") {
    const Bytes end(bytes.end() - 22, bytes.end());
    bytes[bytes.size() - 2] = 22;
    bytes.insert(bytes.end(), end.begin(), end.end());
    why = "a comment is behind its directory";
  }
  CHECK(refusal_of(bytes) == ErrorCode::unreadable);
  CHECK_THAT(message_of<Unreadable>([&] {
               Module(EmbeddedArchive{"built in", bytes}, Stage::encoder);
             }),
             ContainsSubstring("built in: damaged archive: " + why));
}

TEST_CASE("torch archive: with any byte flipped it is refused in a line, or computes the same",
          "[torch][errors][fuzz]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  const Bytes whole = bytes_of(folder / "m.pt");
  const auto image = torch::rand({1, 3, 8, 8});
  const auto output_of = [&](const Bytes& bytes) {
    return Module(EmbeddedArchive{"built in", bytes}, Stage::encoder)({image})[0];
  };
  const auto expected = output_of(whole);
  const StandardError standard_error(folder / "stderr.txt");
  std::vector<std::size_t> others;
  int refused = 0;
  const std::size_t directory = whole.size() - 700;  // there every byte, before it every seventh
  for (std::size_t at = 0; at < whole.size(); at += at < directory ? 7 : 1) {
    Bytes bytes = whole;
    bytes[at] ^= 0xff;
    if (refusal_of(bytes))
      ++refused;
    else if (!torch::equal(output_of(bytes), expected))
      others.push_back(at);
  }
  CHECK(others == std::vector<std::size_t>{});
  CHECK(refused > 500);
  CHECK(standard_error.text() == "");
}

TEST_CASE("torch archive: three hundred damaged archives give three hundred errors, and no word",
          "[torch][errors][fuzz]") {
  const Scratch folder;
  save_conv(folder / "m.pt");
  REQUIRE(!refusal_of(folder / "m.pt"));
  const Bytes whole = bytes_of(folder / "m.pt");
  const auto contents = contents_of(folder / "m.pt");
  const fs::path file = folder / "damaged.pt";
  Random random(20240518);
  std::vector<std::string> tried, accepted;
  const StandardError standard_error(folder / "stderr.txt");
  const auto check = [&](const std::string& what, ErrorCode expected) {
    tried.push_back(what);
    const auto refusal = refusal_of(file);
    if (refusal_of(bytes_of(file)) != refusal) accepted.push_back(what + ", in memory");
    // up to seven bits behind the end of a deflated part say nothing, and nothing guards them
    const bool harmless = !refusal && contents_of(file) == contents;
    if (refusal != expected && !harmless) accepted.push_back(what);
  };

  const auto damage_bytes = [&](const std::string& how, int times, auto&& damage) {
    for (int i = 0; i < times; ++i) {
      Bytes bytes = whole;
      damage(bytes, random);
      put_bytes(file, bytes);
      check(how + " " + std::to_string(i), ErrorCode::unreadable);
    }
  };
  damage_bytes("flipped", 150, flip_bit);
  damage_bytes("cut off", 40, cut_off);
  damage_bytes("zeroed", 30, zero_a_stretch);
  damage_bytes("inserted", 30, insert_a_byte);

  const auto change_part = [&](const std::string& part, auto&& change) {
    copy_archive(folder / "m.pt", file, [&](const std::string& name, std::string& bytes) {
      return name != part || change(bytes);
    });
    check(part, ErrorCode::bad_model);
  };
  for (const std::string part : {"extra/persense.json", "data.pkl", "constants.pkl", "data/0",
                                 "data/1", "data/2", "code/__torch__.py"}) {
    change_part(part, [](std::string&) { return false; });
    change_part(part, [](std::string& bytes) { return bytes.resize(bytes.size() / 2), true; });
  }
  for (const std::string& manifest : wrong_manifests(random, 300 - tried.size()))
    change_part("extra/persense.json", [&](std::string& bytes) { return bytes = manifest, true; });
  CHECK(tried.size() == 300);
  CHECK(accepted == std::vector<std::string>{});
  CHECK(standard_error.text() == "");
}
