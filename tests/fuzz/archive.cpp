// The file around a model: a zip archive with a manifest. LibTorch, which reads it once it was
// found in order, has no part in this.
#include "models/archive.hpp"

#include "target.hpp"

using namespace persense;
using namespace persense::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] {
    const Archive archive(EmbeddedArchive{"archive", {data, size}});
    require(archive.size() == size, "an archive has the size of its bytes");
    require(!archive.parts().empty(), "an archive has parts");
    bool all = true;
    for (const auto& part : archive.parts())
      all &= accepts([&] {
        const std::string content = archive.contents(part);
        require(content.size() == part.size, "a part has the size that it claims");
        require(content == archive.contents(part), "a part is the same each time");
      });
    require(all == accepts([&] { archive.verify(); }),
            "an archive is in order where its parts are");
    accepts([&] { (void)archive.manifest(); });
    accepts([&] { (void)archive.extra_file("vocabulary.txt"); });
    std::string last(1, '\0');
    archive.read(size - 1, last.data(), 1);
    require(static_cast<std::uint8_t>(last[0]) == data[size - 1], "its bytes are those given");
  });
  return 0;
}
