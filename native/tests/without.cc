// SPDX-License-Identifier: Apache-2.0
// A sentry that lacks a layer, for tests of what stands behind it: which one says the name it is started by, rvisor-sentry.LAYER.LAYER. The
// sentry is given neither arguments nor an environment. Never part of what is shipped.
#include <unistd.h>

#include <string>

#include "layers.h"

namespace rvisor {
namespace {

std::string own_name() {
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  std::string text(path, size < 0 ? 0 : static_cast<size_t>(size));
  return text.substr(text.rfind('/') + 1) + ".";
}

// Before main: later there may be no /proc, or another.
const std::string name = own_name();

}  // namespace

bool without(const char* layer) { return name.find("." + std::string(layer) + ".") != std::string::npos; }

}  // namespace rvisor
