// SPDX-License-Identifier: Apache-2.0
#include "proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>

namespace rvisor {
namespace {

constexpr size_t kMost = 64 << 20;  // of one text

// The names of the files that are told otherwise.
constexpr std::string_view kMaps[] = {"maps", "smaps", "numa_maps"};
constexpr std::string_view kMounts[] = {"mountinfo", "mounts", "mountstats"};

bool is_one_of(std::string_view name, const std::string_view (&all)[3]) { return std::find(std::begin(all), std::end(all), name) != std::end(all); }

// As seq_path(9) writes names into these files.
std::string escaped(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      char octal[5];
      snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += octal;
    } else {
      out += c;
    }
  }
  return out;
}

// The other way round, for what stands in maps: line feeds alone are escaped there, backslashes are not.
std::string plain(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text.substr(i, 4) == "\\012") out += '\n', i += 3;
    else out += text[i];
  }
  return out;
}

std::string line_safe(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 4) text.replace(at, 1, "\\012");
  return text;
}

int read_text(int place, std::string& out) {
  Fd file(reopen(place, O_RDONLY));
  if (!file.valid()) return errno;
  char buffer[65536];
  for (ssize_t size; (size = read(file.get(), buffer, sizeof buffer)) != 0;) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (out.size() + static_cast<size_t>(size) > kMost) return EFBIG;
    out.append(buffer, static_cast<size_t>(size));
  }
  return 0;
}

const char* type_of(const Translation::Entry& entry) {
  using Kind = Translation::Entry::Kind;
  if (entry.kind == Kind::proc) return "proc";
  struct statfs fs;
  if (fstatfs(entry.root.get(), &fs)) return "none";
  switch (fs.f_type) {
    case 0x01021994: return "tmpfs";
    case 0xef53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683e: return "btrfs";
    case 0x794c7630: return "overlay";
    case 0x9fa0: return "proc";
    case 0x62656572: return "sysfs";
  }
  return "none";
}

}  // namespace

std::string translated_maps(const Translation& view, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // A path begins with the first slash, after a space ("file=" in numa_maps): addresses, rights and numbers have none.
    size_t slash = line.find('/');
    size_t mark = line.find("file=/");
    if (slash != std::string_view::npos && slash > 0 && (line[slash - 1] == ' ' || mark + 5 == slash)) {
      std::string_view rest = line.substr(slash), after;
      if (mark + 5 == slash) {
        size_t space = std::min(rest.find(' '), rest.size());
        after = rest.substr(space);
        rest = rest.substr(0, space);
      }
      out.append(line.substr(0, slash)).append(line_safe(view.link_text(plain(rest)))).append(after);
    } else {
      out.append(line);
    }
    out += '\n';
  }
  return out;
}

std::string mount_table(const Translation& view, std::string_view name) {
  std::string out;
  int number = 1;
  const int first = number;
  for (const Translation::Entry& entry : view.entries()) {
    struct stat st {};
    fstat(entry.root.get(), &st);
    const std::string place = escaped(entry.guest), type = type_of(entry);
    const std::string options = std::string(entry.writable ? "rw" : "ro") + ",nosuid" + (entry.devices ? "" : ",nodev") + (entry.executable ? "" : ",noexec");
    if (name == "mountstats") {
      out += "device none mounted on " + place + " with fstype " + type + "\n";
    } else if (name == "mounts") {
      out += "none " + place + " " + type + " " + options + " 0 0\n";
    } else {
      // The parent of all but the root is the root: what lies between is nobody's business.
      out += std::to_string(number) + " " + std::to_string(number == first ? 0 : first) + " " + std::to_string(major(st.st_dev)) + ":" + std::to_string(minor(st.st_dev)) + " / " + place + " " + options +
             " - " + type + " none " + (entry.writable ? "rw" : "ro") + "\n";
    }
    number++;
  }
  return out;
}

int translated_text(const Translation& view, const Caller&, const Resolved& r, Fd& out) {
  if (r.mount < 0 || !view.entry(r.mount).in_proc || r.magic) return ENOENT;
  const std::string& top = view.entry(r.mount).guest;
  size_t begin = top == "/" ? 1 : top.size() + 1;
  if (r.path.size() <= begin || r.path[begin] < '0' || r.path[begin] > '9') return ENOENT;
  std::string name = r.path.substr(r.path.rfind('/') + 1), text;
  if (is_one_of(name, kMaps)) {
    if (int err = read_text(r.object.get(), text)) return err;
    text = translated_maps(view, text);
  } else if (is_one_of(name, kMounts)) {
    text = mount_table(view, name);
  } else {
    return ENOENT;
  }
  Fd file(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return errno;
  for (size_t at = 0; at < text.size();) {
    ssize_t wrote = pwrite(file.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    at += static_cast<size_t>(wrote);
  }
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)) return errno;
  out.reset(reopen(file.get(), O_RDONLY));
  return out.valid() ? 0 : errno;
}

}  // namespace rvisor
