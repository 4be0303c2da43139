// SPDX-License-Identifier: Apache-2.0
// Files of /proc whose text names the host's paths and mounts, in the guest's words: maps and its kin (proc_pid_maps(5)), and the mount
// tables (proc_pid_mountinfo(5), proc_pid_mounts(5)), which are the view's own table.
#pragma once
#include <string>
#include <string_view>

#include "fd.h"
#include "resolve.h"
#include "translation.h"

namespace rvisor {

// Where `r` is such a file of a process: a file with its text as it is now, open for reading. 0, ENOENT where it is none, or another errno.
int translated_text(const Translation& view, const Caller& caller, const Resolved& r, Fd& out);

// The lines of maps, smaps or numa_maps with the guest's paths; what is not in the view loses its path, and keeps its place.
std::string translated_maps(const Translation& view, std::string_view text);

// The view's table as a table of mounts: `name` is "mountinfo", "mounts" or "mountstats".
std::string mount_table(const Translation& view, std::string_view name);

}  // namespace rvisor
