// One archive, loaded, placed and run.
#include "persense/torch/module.hpp"

#include <ATen/Parallel.h>

#include <thread>

#include "archives.hpp"
#include "catch.hpp"
#include "cores.hpp"
#include "io/scratch.hpp"
#include "libtorch_errors.hpp"
#include "persense/error.hpp"
#include "persense/io/files.hpp"

using namespace persense;
using namespace persense::test;
using Catch::Matchers::ContainsSubstring;
using torchscript::Module;
using torchscript::Placement;
using torchscript::placement;

namespace {

/// One archive of the given code, loaded as an encoder.
Module module_of(
    const Scratch& folder, const std::string& source, Placement placement = {},
    const std::function<void(torch::jit::Module&)>& prepare = [](torch::jit::Module&) {}) {
  save_archive(folder / "m.pt", encoder_manifest, source, prepare);
  return {folder / "m.pt", Stage::encoder, placement};
}

/// What running such an archive on one float throws, which must be one line that names the file.
template <class E>
std::string failure_of(const std::string& source) {
  const Scratch folder;
  const Module module = module_of(folder, source);
  const auto message = message_of<E>([&] { module({torch::ones({1})}); });
  CHECK(message.find('\n') == std::string::npos);
  CHECK_THAT(message, ContainsSubstring((folder / "m.pt").string()));
  return message;
}

}  // namespace

TEST_CASE("torch Module: gives what the archive's forward gives, one tensor or several",
          "[torch]") {
  const Scratch folder;
  const at::Tensor ones = torch::ones({1, 3, 2, 2});
  const auto one = module_of(folder, "def forward(self, x):\n  return x * 2\n")({ones});
  REQUIRE(one.size() == 1);
  CHECK(torch::equal(one[0], ones * 2));
  for (const std::string list : {"x * 2, x[0]", "[x * 2, x[0]]"}) {
    const auto two = module_of(folder, "def forward(self, x):\n  return " + list + "\n")({ones});
    REQUIRE(two.size() == 2);
    CHECK(torch::equal(two[0], ones * 2));
    CHECK(torch::equal(two[1], ones[0]));
  }
}

TEST_CASE("torch Module: its other methods are called by name, as forward is", "[torch]") {
  const Scratch folder;
  const Module module =
      module_of(folder, R"(
def twice(self, x):
  return x * 2
def both(self, x, y):
  return self.twice(x), y * self.w
def forward(self, x):
  return self.twice(x) + 1
)",
                {}, [](auto& m) { m.register_parameter("w", torch::full({1}, 3.0f), true); });
  const at::Tensor ones = torch::ones({2});
  CHECK_NOTHROW(module.require_methods({"twice", "both", "forward"}));
  CHECK(torch::equal(module.call("twice", {ones})[0], ones * 2));
  const auto both = module.call("both", {ones, ones});
  REQUIRE(both.size() == 2);
  CHECK(torch::equal(both[1], ones * 3));
  CHECK(!both[1].requires_grad());
  CHECK(torch::equal(module.call("forward", {ones})[0], module({ones})[0]));
}

TEST_CASE("torch Module: optional arguments may be None", "[torch]") {
  const Scratch folder;
  const Module module = module_of(folder, R"(
def forward(self, x, y: Optional[Tensor]):
  if y is not None:
    return x + y
  return x
)");
  const at::Tensor x = torch::ones({2});
  CHECK(torch::equal(module({x, c10::IValue()})[0], x));
  CHECK(torch::equal(module({x, x})[0], x * 2));
}

TEST_CASE("torch Module: a result carries no gradients and module and copies share weights",
          "[torch]") {
  const Scratch folder;
  const Module module =
      module_of(folder, "def forward(self, x):\n  return x * self.w, self.w\n", {},
                [](auto& m) { m.register_parameter("w", torch::full({1}, 3.0f), false); });
  const Module copy = module;
  const auto result = module({torch::ones({1})});
  CHECK(result[0].item<float>() == 3);
  CHECK(!result[0].requires_grad());
  CHECK(copy({torch::ones({1})})[1].data_ptr() == result[1].data_ptr());
}

TEST_CASE("torch Module: weights take the placement's precision, integers stay what they are",
          "[torch]") {
  const Scratch folder;
  const auto weights = [](torch::jit::Module& m) {
    m.register_parameter("half", torch::full({2}, 0.5f).to(torch::kHalf), false);
    m.register_buffer("scale", torch::full({2}, 4.0f));
    m.register_attribute("table", c10::TensorType::get(), torch::arange(2));
    m.register_attribute("list", c10::ListType::ofTensors(),
                         c10::List<at::Tensor>({torch::ones({2}).to(torch::kHalf)}));
  };
  const std::string source =
      "def forward(self, x):\n  return x * self.half * self.scale, self.table, self.list[0]\n";
  for (const auto* dtype : {"fp32", "bf16"}) {
    const Placement placed = placement("cpu", dtype);
    const auto result =
        module_of(folder, source, placed, weights)({torch::ones({2}, placed.dtype)});
    CHECK(result[0].scalar_type() == placed.dtype);
    CHECK(result[0].to(torch::kFloat).equal(torch::full({2}, 2.0f)));
    CHECK(result[1].equal(torch::arange(2)));
    CHECK(result[2].scalar_type() == placed.dtype);
  }
}

TEST_CASE("torch Module: runs from several threads at once", "[torch][threads]") {
  const Scratch folder;
  const Module module =
      module_of(folder, "def forward(self, x):\n  return torch.cumsum(x, 0) * 2\n");
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i <= 4; ++i)
      threads.emplace_back([&, i] {
        for (int repeat = 0; repeat < 20; ++repeat)
          right += module({torch::ones({8 * i})})[0][-1].item<float>() == 16.0f * i;
      });
  }
  CHECK(right == 80);
}

TEST_CASE("torch Module: an exception in forward is a BadModel of one line", "[torch][errors]") {
  CHECK_THAT(
      failure_of<BadModel>("def forward(self, x):\n  return x + torch.zeros([3, 2])[:, 3]\n"),
      ContainsSubstring("index 3 out of range"));
  CHECK_THAT(failure_of<BadModel>("def forward(self, x):\n  assert x.dim() == 4, 'not four'\n  "
                                  "return x\n"),
             ContainsSubstring("not four"));
  CHECK_THAT(failure_of<BadModel>("def forward(self, x, y):\n  return x\n"),
             ContainsSubstring("missing value for argument 'y'"));
  CHECK_THAT(failure_of<BadModel>("def forward(self):\n  return 1\n"),
             ContainsSubstring("received 2 argument(s)"));
  for (const auto* none : {"3", "None", "'text'", "(x, 3)", "{'x': x}"})
    CHECK_THAT(failure_of<BadModel>("def forward(self, x):\n  return " + std::string(none) + "\n"),
               ContainsSubstring("expected tensors"));
}

TEST_CASE("torch Module: more memory than there is gives OutOfMemory, naming file and device",
          "[torch][errors]") {
  // 2^50 floats: more than any address space holds, however the system overcommits
  const auto message = failure_of<OutOfMemory>(
      "def forward(self, x):\n  return torch.ones([1024, 1024, 1024, 1024, 1024])\n");
  CHECK_THAT(message, ContainsSubstring("out of memory on cpu"));
}

TEST_CASE("torch Module: a tensor of another shape is a BadModel that names it",
          "[torch][errors]") {
  const Scratch folder;
  const Module module = module_of(folder, "def forward(self, x):\n  return x\n");
  CHECK_NOTHROW(module.require_shape(torch::ones({1, 7, 2}), {1, -1, 2}, "embedding"));
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{1, -1, 3}, {1, 7}, {1, 7, 2, 1}}) {
    const auto message = message_of<BadModel>([&] {
      module.require_shape(torch::ones({1, 7, 2}), shape, "embedding");
    });
    CHECK_THAT(message, ContainsSubstring("m.pt: embedding: got shape [1, 7, 2], expected [1, "));
  }
}

TEST_CASE("torch Module: a method that is not there, or fails, is named in one line",
          "[torch][errors]") {
  const Scratch folder;
  const Module module = module_of(folder, R"(
def stumble(self, x):
  assert x.dim() == 4, 'not four'
  return x
def forward(self, x):
  return x
)");
  const std::string file = (folder / "m.pt").string();
  CHECK(message_of<BadModel>([&] {
          module.require_methods({"forward", "trunk", "stumble"});
        }) ==
        file +
            ": got a module without the method trunk, expected one with forward, trunk, stumble");
  CHECK(message_of<BadModel>([&] { module.call("trunk", {}); }) ==
        file + ": got a module without the method trunk, expected one with trunk");
  const auto failed = message_of<BadModel>([&] { module.call("stumble", {torch::ones({1})}); });
  CHECK_THAT(failed, ContainsSubstring("its stumble failed: "));
  CHECK_THAT(failed, ContainsSubstring("not four"));
  CHECK(failed.find('\n') == std::string::npos);
}

TEST_CASE("torch Module: a module without forward is a BadModel", "[torch][errors]") {
  const Scratch folder;
  CHECK_THAT(message_of<BadModel>([&] { module_of(folder, "def run(self, x):\n  return x\n"); }),
             ContainsSubstring("no method forward"));
}

TEST_CASE("torch placement: texts that are no device or precision are InvalidArguments",
          "[torch][errors]") {
  CHECK(placement("cpu", "fp32").device == at::Device(at::kCPU));
  CHECK(placement("cpu", "bf16").dtype == at::kBFloat16);
  for (const auto* text : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ",
                           "cuda:99999999999", "cuda0"})
    CHECK_THAT(message_of<InvalidArgument>([&] { placement(text, "fp32"); }),
               ContainsSubstring("device: got \"" + std::string(text) + "\", expected"));
  for (const auto* text : {"", "float32", "fp8", "FP32"})
    CHECK_THAT(message_of<InvalidArgument>([&] { placement("cpu", text); }),
               ContainsSubstring("dtype: got \"" + std::string(text) + "\", expected"));
  CHECK_THAT(message_of<InvalidArgument>([&] { placement("cpu", "fp16"); }),
             ContainsSubstring("fp16"));
}

TEST_CASE("torch placement: a CUDA device that is not there is DeviceUnavailable",
          "[torch][errors]") {
  const auto message = message_of<DeviceUnavailable>([] { placement("cuda:99", "fp16"); });
  CHECK_THAT(message, ContainsSubstring("cuda:99"));
  const Scratch folder;
  const Placement placed{at::Device(at::kCUDA, 99), at::kHalf};
  CHECK_THROWS_AS(module_of(folder, "def forward(self, x):\n  return x\n", placed),
                  DeviceUnavailable);
}

TEST_CASE("torch Module: runs on CUDA in half precision", "[torch][cuda]") {
  if (!at::hasCUDA()) SKIP("no CUDA device that this LibTorch could use");
  const Scratch folder;
  for (const auto* dtype : {"fp32", "fp16", "bf16"}) {
    const Placement placed = placement("cuda", dtype);
    const Module module =
        module_of(folder, "def forward(self, x):\n  return x * self.w\n", placed,
                  [](auto& m) { m.register_parameter("w", torch::full({1}, 3.0f), false); });
    const auto result = module({torch::ones({4}).to(placed.device, placed.dtype)})[0];
    CHECK(result.device() == placed.device);
    CHECK(result.to(at::kCPU, at::kFloat).equal(torch::full({4}, 3.0f)));
  }
}

TEST_CASE("torch set_threads: takes a number, 0 for what was chosen before, and nothing below",
          "[torch]") {
  torchscript::set_threads(1);
  CHECK(at::get_num_threads() == 1);
  torchscript::set_threads(0);
  CHECK(at::get_num_threads() == 1);
  at::set_num_threads(2);  // the program around the library
  torchscript::set_threads(0);
  CHECK(at::get_num_threads() == 2);
  const int all = mini::usable_cores();
  CHECK(all >= 1);
  CHECK(all <= static_cast<int>(std::thread::hardware_concurrency()));
  torchscript::set_threads(all);
  CHECK_THAT(message_of<InvalidArgument>([] { torchscript::set_threads(-1); }),
             ContainsSubstring("threads: got -1"));
}

TEST_CASE("cores_within_quota: the least of a group and its parents, in both versions' files",
          "[torch]") {
  const Scratch scratch;
  const auto put = [&](const std::string& file, const std::string& text) {
    fs::create_directories((scratch / file).parent_path());
    io::write_file(scratch / file, text);
  };
  using mini::cores_within_quota;
  CHECK(cores_within_quota(scratch / "none", "0::/a\n", 8) == 8);
  put("a/b/cpu.max", "max 100000\n");
  CHECK(cores_within_quota(scratch / "", "0::/a/b\n", 8) == 8);
  put("a/cpu.max", "250000 100000\n");
  CHECK(cores_within_quota(scratch / "", "0::/a/b\n", 8) == 3);  // two and a half are three
  CHECK(cores_within_quota(scratch / "", "0::/a/b\n", 2) == 2);
  put("cpu.max", "50000 100000\n");  // what a container sees of its own group
  CHECK(cores_within_quota(scratch / "", "0::/host/name/that/is/not/here\n", 8) == 1);
  put("old/cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n");
  put("old/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  put("old/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("old/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(cores_within_quota(scratch / "old", "5:memory:/x\n4:cpu,cpuacct:/x\n", 8) == 2);
  CHECK(cores_within_quota(scratch / "", "no line of its kind", 8) == 8);
}

TEST_CASE("torch errors: the useful line of LibTorch's screens of text", "[torch][errors]") {
  using torchscript::useful_line;
  CHECK(useful_line("The following operation failed in the TorchScript interpreter.\nTraceback of "
                    "TorchScript, serialized code (most recent call last):\n  File \"code/m.py\", "
                    "line 3, in forward\n    return x\n           ~ <--- HERE\nRuntimeError: The "
                    "sizes: do not match\nmore of it\n") == "The sizes: do not match");
  CHECK(useful_line("[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate") ==
        "DefaultCPUAllocator: can't allocate");
  CHECK(useful_line("\n\nUnknown builtin op: aten::new.\nHere are some suggestions:\n") ==
        "Unknown builtin op: aten::new.");
  CHECK(useful_line("expected\x1b[31m scalar\nException raised from f at /src/a.cpp:3\n") ==
        "expected [31m scalar");
  CHECK(useful_line(std::string(1000, 'x')).size() == 300);
  CHECK(useful_line("") == "no reason given");
}

TEST_CASE("torch Module: a trained encoder's archive loads and runs", "[torch]") {
  const fs::path file = fs::path(PERSENSE_SOURCE_DIR) / "../shared/models/squeezenet1_0_encoder.pt";
  if (!fs::exists(file)) SKIP("there is no " << file);
  const Module module(file, Stage::encoder);
  CHECK(module.manifest().name == "squeezenet1_0");
  CHECK(module.manifest().prototype == "ring_contrast");
  CHECK(module.manifest().input.pad_multiple == 16);
  const auto embedding = module({torch::randn({1, 3, 64, 96})});
  REQUIRE(embedding.size() == 1);
  module.require_shape(embedding[0], {1, 1024, 8, 12}, "embedding");
  const auto info = torchscript::inspect(file);
  CHECK(info.bytes == fs::file_size(file));
  CHECK(info.parameters == 735424);  // SqueezeNet v1.0 without its classifier
}
