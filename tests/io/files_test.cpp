#include "persense/io/files.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>

#include "catch.hpp"
#include "persense/error.hpp"
#include "persense/io/npy.hpp"
#include "persense/io/tables.hpp"
#include "scratch.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using namespace persense;
using namespace persense::test;

namespace {

std::string text_of(const fs::path& path) {
  const Bytes bytes = bytes_of(path);
  return {bytes.begin(), bytes.end()};
}

/// Runs `body` in a child process that may not write files longer than `limit` bytes.
/// @return  the child's exit status: what `body` returned.
int with_file_size_limit(rlim_t limit, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // write() fails instead, as on a full disk
    const rlimit size{limit, limit};
    if (::setrlimit(RLIMIT_FSIZE, &size) != 0) ::_exit(100);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

}  // namespace

TEST_CASE("write_file: the file holds the bytes and nothing else is left", "[io][files]") {
  const Scratch scratch;
  io::write_file(scratch / "a.txt", "one");
  io::write_file(scratch / "a.txt", "two");
  CHECK(text_of(scratch / "a.txt") == "two");
  CHECK(scratch.file_count() == 1);
}

TEST_CASE("write_file: a new file has the usual permissions, an old one keeps its own",
          "[io][files]") {
  const Scratch scratch;
  const mode_t mask = ::umask(022);
  io::write_file(scratch / "new.txt", "x");
  put_bytes(scratch / "old.txt", {'y'});
  fs::permissions(scratch / "old.txt", fs::perms::owner_read | fs::perms::owner_write);
  io::write_file(scratch / "old.txt", "x");
  ::umask(mask);
  CHECK(fs::status(scratch / "new.txt").permissions() == static_cast<fs::perms>(0644));
  CHECK(fs::status(scratch / "old.txt").permissions() == static_cast<fs::perms>(0600));
}

TEST_CASE("write_file: a link stays a link", "[io][files]") {
  const Scratch scratch;
  io::write_file(scratch / "target.txt", "old");
  fs::create_symlink("target.txt", scratch / "link.txt");
  io::write_file(scratch / "link.txt", "new");
  CHECK(fs::is_symlink(scratch / "link.txt"));
  CHECK(text_of(scratch / "target.txt") == "new");
}

TEST_CASE("AtomicFile: without commit the target is as it was", "[io][files]") {
  const Scratch scratch;
  io::write_file(scratch / "a.txt", "old");
  {
    io::AtomicFile file(scratch / "a.txt");
    file.write(std::string(1 << 20, 'x'));
    CHECK(scratch.file_count() == 2);
    CHECK(text_of(scratch / "a.txt") == "old");
  }
  CHECK(text_of(scratch / "a.txt") == "old");
  CHECK(scratch.file_count() == 1);
}

TEST_CASE("AtomicFolder: complete or absent, and two of one name do not meet", "[io][files]") {
  const Scratch scratch;
  {
    io::AtomicFolder first(scratch / "above/set/"), second(scratch / "above/set");
    io::write_file(first.path() / "a.txt", "first");
    io::write_file(second.path() / "a.txt", "second");
    io::remove_leftovers(scratch / "above");
    CHECK_FALSE(fs::exists(scratch / "above/set"));
    first.commit();
    CHECK_THROWS_AS(second.commit(), Unwritable);
  }
  const auto bytes = io::read_file(scratch / "above/set/a.txt");
  CHECK(std::string(bytes.begin(), bytes.end()) == "first");
  CHECK(std::distance(fs::directory_iterator(scratch / "above"), fs::directory_iterator()) == 1);
  io::write_file(scratch / "file", "x");
  CHECK_THROWS_AS(io::AtomicFolder(scratch / "file/set"), Unwritable);
}

TEST_CASE("remove_leftovers: a dead process's files go, also when its number came again",
          "[io][files]") {
  const Scratch scratch;
  const auto names = [&] {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(scratch.path()))
      found.push_back(entry.path().filename().string());
    return found;
  };
  const io::AtomicFile file(scratch / "a.txt");
  const std::vector<std::string> own = names();
  REQUIRE(own.size() == 1);
  io::remove_leftovers(scratch.path());
  CHECK(names() == own);
  // .persense-PLACE-PROCESS-START-RANDOM.tmp: this process's number, of one that began earlier
  std::string earlier = own.front();
  const auto end = earlier.rfind('-'), begin = earlier.rfind('-', end - 1) + 1;
  if (earlier.substr(begin, end - begin) == "0") SKIP("this system has no /proc");
  earlier.replace(begin, end - begin, "1");
  io::write_file(scratch / earlier, "x");
  // one that was killed, whose parent has not looked yet, still has its number
  const pid_t child = ::fork();
  if (child == 0) {
    new io::AtomicFile(scratch / "b.txt");
    io::write_file((new io::AtomicFolder(scratch / "c"))->path() / "d.txt", "x");
    ::_exit(0);
  }
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  CHECK(names().size() == 4);
  io::remove_leftovers(scratch.path());
  CHECK(names() == own);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("write_file: a full disk leaves the old file, no part of the new one, and says so",
          "[io][files][errors]") {
  const Scratch scratch;
  io::write_file(scratch / "a.txt", "old");
  const int status = with_file_size_limit(100000, [&] {
    const std::string message = message_of<Unwritable>(
        [&] { io::write_file(scratch / "a.txt", std::string(300000, 'x')); });
    return message == (scratch / "a.txt").string() + ": cannot write: File too large" ? 0 : 1;
  });
  CHECK(status == 0);
  CHECK(text_of(scratch / "a.txt") == "old");
  CHECK(scratch.file_count() == 1);
}

TEST_CASE("write_file: a device that is full is reported, and stays a device",
          "[io][files][errors]") {
  if (!fs::is_character_file("/dev/full")) SKIP("there is no /dev/full here");
  CHECK(message_of<Unwritable>([] { io::write_file("/dev/full", "x"); }) ==
        "/dev/full: cannot write: No space left on device");
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("write_file: an impossible folder is Unwritable and named", "[io][files][errors]") {
  const Scratch scratch;
  io::write_file(scratch / "file", "x");
  const auto message = [](const fs::path& path) {
    return message_of<Unwritable>([&] { io::write_file(path, "x"); });
  };
  CHECK_THAT(message(scratch / "file/below.txt"),
             EndsWith("file/below.txt: cannot write: Not a directory"));
  CHECK_THAT(message(scratch / "none/below.txt"),
             EndsWith("none/below.txt: cannot write: No such file or directory"));
  CHECK_THAT(message(scratch.path()), EndsWith(": cannot write: Is a directory"));
  CHECK_THAT(message(""), ContainsSubstring("cannot write"));
  CHECK(scratch.file_count() == 1);
}

TEST_CASE("read_file: bytes come back, empty files do not", "[io][files]") {
  const Scratch scratch;
  put_bytes(scratch / "a", Bytes(100000, 7));
  put_bytes(scratch / "empty", {});
  CHECK(io::read_file(scratch / "a") == Bytes(100000, 7));
  CHECK_THROWS_AS(io::read_file(scratch / "empty"), Unreadable);
  CHECK_THROWS_AS(io::read_file(scratch / "a/b"), FileNotFound);
}

TEST_CASE("to_csv: one line an instance, ids from 1", "[io][csv]") {
  Result result;
  result.image_size = {20, 10};
  result.instances.push_back({{{2, 3, 5, 5}, {1, 1, 1, 0, 1, 0}}, {2, 3, 5, 5}, {3, 4}, 0.87654f});
  result.instances.push_back({{{0, 0, 1, 1}, {1}}, {0, 0, 1, 1}, {0, 0}, 1.0f});
  CHECK(io::to_csv(result) ==
        "id,x,y,x0,y0,x1,y1,area,score,class,touches_border\n"
        "1,3,4,2,3,5,5,4,0.8765,object,0\n"
        "2,0,0,0,0,1,1,1,1.0000,object,0\n");
}

TEST_CASE("to_csv: classes by name, quoted where a name needs it", "[io][csv]") {
  const std::string text = io::to_csv(two_classes());
  CHECK_THAT(text, ContainsSubstring("0.5000,bean,0\n2,"));
  CHECK_THAT(text, ContainsSubstring("0.9000,\"pea, green\",0\n3,"));
  CHECK_THAT(text, EndsWith("0.7500,bean,1\n"));
  Result unnamed = two_classes();
  unnamed.classes[0].label = "the \"big\" one";
  unnamed.classes[1].label = "";
  CHECK_THAT(io::to_csv(unnamed), ContainsSubstring(",\"the \"\"big\"\" one\",0\n2,"));
  CHECK_THAT(io::to_csv(unnamed), ContainsSubstring(",class 2,0\n3,"));
}

TEST_CASE("to_csv: no instance is a header alone", "[io][csv]") {
  CHECK(io::to_csv(Result{}) == "id,x,y,x0,y0,x1,y1,area,score,class,touches_border\n");
}
