#include "stage_flags.hpp"

namespace persense::cli {

void add_stage_flags(Command command, StageFlags& flags) {
  const char* const group = "Stages (archives are made by python -m persense_export)";
  command
      .add_option("--models", flags.models,
                  "mini (learned), classic (weight-free), or a folder with encoder.pt, "
                  "detector.pt, dmg.pt, decoder.pt (or .onnx), or mini.pt for all without a file")
      .type_name("mini|classic|DIR")
      .not_empty()
      .capture_default_str()
      .group(group);
  const auto add_slot = [&](const char* name, std::string& slot, const char* help) {
    command.add_option(name, slot, help).type_name("mini|classic|FILE").not_empty().group(group);
  };
  add_slot("--encoder", flags.encoder, "this encoder instead (SAM, MobileSAM, ...)");
  add_slot("--detector", flags.detector, "this detector instead");
  add_slot("--dmg", flags.dmg, "this density map generator instead (CounTR, DSALVANet)");
  add_slot("--decoder", flags.decoder, "this mask decoder instead; it needs its own encoder");
  command.add_option("--device", flags.device, "of mini and archives: cpu, cuda or cuda:N")
      .type_name("NAME")
      .capture_default_str()
      .group(group);
  command.add_option("--dtype", flags.dtype, "of mini and archives: fp32, fp16 (on a GPU) or bf16")
      .type_name("NAME")
      .capture_default_str()
      .group(group);
  command
      .add_option(
          "--threads", flags.threads,
          "of mini and archives on the CPU, all images together; 0: as OMP_NUM_THREADS says, "
          "or all that may be used")
      .type_name("N")
      .range(0, 1024)
      .capture_default_str()
      .group(group);
}

Stages stages_from(const StageFlags& flags) {
  Stages stages = Stages::named(flags.models);
  const auto replace = [](std::string& slot, const std::string& flag) {
    if (!flag.empty()) slot = flag;
  };
  replace(stages.encoder, flags.encoder);
  replace(stages.detector, flags.detector);
  replace(stages.dmg, flags.dmg);
  replace(stages.decoder, flags.decoder);
  stages.device = flags.device;
  stages.dtype = flags.dtype;
  stages.threads = flags.threads;
  return stages;
}

Engine engine_from(const StageFlags& flags, const OptionFlags& options) {
  const Stages stages = stages_from(flags);
  Engine engine(stages, options_from(options, stages));
  note_other_stages(options, engine);
  return engine;
}

}  // namespace persense::cli
