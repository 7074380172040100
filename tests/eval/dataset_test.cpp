#include "persense/eval/dataset.hpp"

#include "../io/scratch.hpp"
#include "catch.hpp"
#include "persense/error.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

void touch(const Scratch& scratch, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    fs::create_directories((scratch / name).parent_path());
    put_bytes(scratch / name, {});
  }
}

}  // namespace

TEST_CASE("open_dataset: classes by name, queries by number, the support apart",
          "[eval][dataset]") {
  const Scratch scratch;
  touch(scratch,
        {"potato/00.jpg", "potato/00.png", "potato/02.JPG", "potato/02.png", "potato/10.jpg",
         "potato/10.png", "potato/10_instances.png", "bean/00.tif", "bean/00.png", "bean/1.bmp",
         "bean/01.png", "bean/100.webp", "bean/100_instances.png", "bean/notes.txt",
         "bean/01_old.png", ".hidden/00.jpg", "empty/readme.txt", "readme.md"});
  const auto dataset = eval::open_dataset(scratch.path());
  REQUIRE(dataset.classes.size() == 2);
  const auto& bean = dataset.classes[0];
  CHECK(bean.name == "bean");
  REQUIRE(bean.supports.size() == 1);
  CHECK(bean.supports[0].image == scratch / "bean/00.tif");
  CHECK(bean.supports[0].mask == scratch / "bean/00.png");
  REQUIRE(bean.queries.size() == 2);
  CHECK(bean.queries[0].name == "1");
  CHECK(bean.queries[0].image == scratch / "bean/1.bmp");
  CHECK(bean.queries[0].mask == scratch / "bean/01.png");  // by number
  CHECK_FALSE(bean.queries[0].instances);
  CHECK(bean.queries[1].name == "100");
  CHECK_FALSE(bean.queries[1].mask);
  CHECK(bean.queries[1].instances == scratch / "bean/100_instances.png");
  const auto& potato = dataset.classes[1];
  REQUIRE(potato.queries.size() == 2);
  CHECK(potato.queries[0].name == "02");
  CHECK(potato.queries[1].instances == scratch / "potato/10_instances.png");
}

TEST_CASE("open_dataset: a class folder is a data set of one class", "[eval][dataset]") {
  const Scratch scratch;
  touch(scratch, {"bean/00.jpg", "bean/00.png", "bean/01.jpg", "bean/01.png"});
  for (const auto& path : {scratch / "bean", scratch / "bean/"}) {
    const auto dataset = eval::open_dataset(path);
    REQUIRE(dataset.classes.size() == 1);
    CHECK(dataset.classes[0].name == "bean");
  }
}

TEST_CASE("open_dataset: what is missing or double is named", "[eval][dataset][errors]") {
  const auto message = [](std::initializer_list<const char*> names) {
    const Scratch scratch;
    touch(scratch, names);
    return message_of<Error>([&] { eval::open_dataset(scratch.path()); });
  };
  CHECK_THAT(message({"a/00.png", "a/01.jpg", "a/01.png"}),
             ContainsSubstring("a/00.jpg: missing, expected the support image"));
  CHECK_THAT(message({"a/00.jpg", "a/01.jpg", "a/01.png"}),
             EndsWith("a/00.png: missing, expected the support mask"));
  CHECK_THAT(message({"a/00.jpg", "a/00.png", "a/03.jpg"}),
             ContainsSubstring("a/03.jpg: has no truth, expected ") && EndsWith("a/03.png"));
  CHECK_THAT(message({"a/00.jpg", "a/00.png", "a/04.png"}),
             EndsWith("a/04.png: has no image 04.jpg beside it"));
  CHECK_THAT(message({"a/00.jpg", "a/00.png", "a/01.jpg", "a/01.png", "a/1.png"}),
             ContainsSubstring("a/1.png: has the same number as "));
  CHECK_THAT(message({"a/00.jpg", "a/00.png"}), ContainsSubstring("a: has no query"));
  CHECK_THAT(message({"readme.md"}), ContainsSubstring("not a data set, expected class folders"));
}

TEST_CASE("open_dataset: a missing folder is FileNotFound, a file Unreadable",
          "[eval][dataset][errors]") {
  const Scratch scratch;
  touch(scratch, {"file"});
  CHECK_THROWS_AS(eval::open_dataset(scratch / "none"), FileNotFound);
  CHECK_THROWS_AS(eval::open_dataset(scratch / "file"), Unreadable);
}
