// SPDX-License-Identifier: Apache-2.0
// /proc as a list in the translated view: what lists it reads a directory, and the host's names every process. So an open of /proc gives
// a directory of ours that has the names of the guest's processes, as they are at that moment, and of everything else.
#pragma once
#include <pthread.h>

#include <cstdint>
#include <string>

#include "failure.h"
#include "fd.h"
#include "translation.h"

namespace rvisor {

class ProcList {
 public:
  // `directory`: empty, ours alone; the lists are made in it. `view`: learns that they are /proc.
  Status open(int directory, Translation& view);

  // A new list, open for reading. 0 or an errno. Any thread.
  int list(Fd& out);

 private:
  static constexpr uint64_t kKept = 256;  // lists whose names are still there, for who reads slowly
  Fd directory_;
  std::string path_;
  Translation* view_ = nullptr;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  uint64_t next_ = 0;
};

}  // namespace rvisor
