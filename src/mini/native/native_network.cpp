#include "mini_network.hpp"
#include "models/archive.hpp"
#include "persense/error.hpp"

namespace persense::mini {

std::shared_ptr<const Network> native_network(std::shared_ptr<const Archive> archive) {
  throw InternalError(archive->name() + ": this build does not run the network by itself yet");
}

}  // namespace persense::mini
