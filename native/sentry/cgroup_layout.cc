// SPDX-License-Identifier: Apache-2.0
#include "cgroup_layout.h"

#include <sstream>

namespace rvisor {
namespace {

// mountinfo writes space, tab, newline and backslash as three octal digits.
std::string unescape(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size(); at++) {
    auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
    if (text[at] == '\\' && digit(at + 1) && digit(at + 2) && digit(at + 3)) {
      result.push_back(static_cast<char>((text[at + 1] - '0') << 6 | (text[at + 2] - '0') << 3 | (text[at + 3] - '0')));
      at += 3;
    } else {
      result.push_back(text[at]);
    }
  }
  return result;
}

}  // namespace

std::map<std::string, std::string> groups_of(const std::string& text) {
  std::map<std::string, std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) result[""] = path;
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) result[name] = path;
  }
  return result;
}

std::map<std::string, Hierarchy> hierarchies_of(const std::string& text) {
  std::map<std::string, Hierarchy> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string id, parent, device, root, point, type, source, options;
    before >> id >> parent >> device >> root >> point;
    after >> type >> source >> options;
    if (type != "cgroup" && type != "cgroup2") continue;
    Hierarchy hierarchy{unescape(point), unescape(root)};
    if (type == "cgroup2") {
      result[""] = hierarchy;
      continue;
    }
    std::istringstream names(options);
    for (std::string name; std::getline(names, name, ',');) result[name] = hierarchy;
  }
  return result;
}

std::string locate(const Hierarchy& hierarchy, const std::string& group) {
  std::string path = group;
  if (hierarchy.root != "/") {
    // "/a" shows "/a" and "/a/b", and not "/ab".
    if (!path.starts_with(hierarchy.root) || (path.size() > hierarchy.root.size() && path[hierarchy.root.size()] != '/')) return {};
    path = path.substr(hierarchy.root.size());
  }
  // Seen from another cgroup namespace a group above its root is "/../…".
  if (path.starts_with("/..")) return {};
  while (path.ends_with('/')) path.pop_back();
  return hierarchy.mount + path;
}

}  // namespace rvisor
