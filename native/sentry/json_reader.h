// SPDX-License-Identifier: Apache-2.0
// Reading JSON strictly: a wrong type, a missing key and an unknown key are all errors with a path. No exceptions:
// every access is checked before it is made. Included by plan.cc and protocol.cc only (the header is large).
#pragma once
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace rvisor {

using Json = nlohmann::json;

class Reader {
 public:
  Reader(const Json& value, std::string path, std::string& error) : value_(value), path_(std::move(path)), error_(error) {
    if (!value_.is_object()) reject("", "is not an object");
  }

  bool ok() const { return error_.empty(); }
  bool has(const char* key) const { return value_.is_object() && value_.contains(key); }

  // Every key of the object must be one of these.
  void only(std::initializer_list<const char*> keys) {
    if (!value_.is_object()) return;
    for (auto it = value_.begin(); it != value_.end(); ++it) {
      bool known = false;
      for (const char* key : keys) known |= it.key() == key;
      if (!known) reject(it.key(), "is not known");
    }
  }

  std::string text(const char* key) {
    const Json* found = find(key);
    if (!found) return {};
    if (!found->is_string()) return reject(key, "is not a string"), std::string();
    std::string result = found->get<std::string>();
    if (result.find('\0') != std::string::npos) reject(key, "contains NUL");
    return result;
  }

  // A string that may hold any byte.
  std::string bytes(const char* key) {
    const Json* found = find(key);
    if (!found || !found->is_string()) return reject(key, "is not a string"), std::string();
    return found->get<std::string>();
  }

  uint64_t number(const char* key, uint64_t max = INT64_MAX) {
    const Json* found = find(key);
    if (!found) return 0;
    return number_of(*found, key, max);
  }

  std::optional<uint64_t> maybe_number(const char* key, uint64_t max = INT64_MAX) {
    if (!has(key)) return std::nullopt;
    return number(key, max);
  }

  bool flag(const char* key) {
    const Json* found = find(key);
    if (!found) return false;
    if (!found->is_boolean()) return reject(key, "is not a boolean"), false;
    return found->get<bool>();
  }

  bool maybe_flag(const char* key) { return has(key) && flag(key); }

  std::string path(const char* key) {
    std::string result = text(key);
    if (ok() && !clean(result)) reject(key, "is not an absolute path without '..'");
    return result;
  }

  std::vector<std::string> texts(const char* key, bool paths = false) {
    std::vector<std::string> result;
    each(key, [&](const Json& item, const std::string& at) {
      if (!item.is_string()) return reject(at, "is not a string");
      std::string value = item.get<std::string>();
      if (value.find('\0') != std::string::npos) return reject(at, "contains NUL");
      if (paths && !clean(value)) return reject(at, "is not an absolute path without '..'");
      result.push_back(std::move(value));
    });
    return result;
  }

  template <typename F>
  void each(const char* key, F visit) {
    const Json* found = find(key);
    if (!found) return;
    if (!found->is_array()) return reject(key, "is not a list");
    size_t index = 0;
    for (const Json& item : *found) visit(item, std::string(key) + "[" + std::to_string(index++) + "]");
  }

  Reader object(const char* key) {
    static const Json empty = Json::object();
    const Json* found = find(key);
    return Reader(found ? *found : empty, path_ + "." + key, error_);
  }
  Reader item(const Json& value, const std::string& at) { return Reader(value, path_ + "." + at, error_); }

  // One of the words; their index, or 0 after an error.
  size_t word(const char* key, std::initializer_list<const char*> words) {
    std::string value = text(key);
    size_t index = 0;
    for (const char* word : words) {
      if (value == word) return index;
      index++;
    }
    if (ok()) reject(key, "is none of the words allowed here");
    return 0;
  }

  void reject(const std::string& key, const std::string& why) {
    if (error_.empty()) error_ = path_ + (key.empty() ? "" : "." + key) + " " + why;
  }

 private:
  static bool clean(const std::string& path) {
    if (path.empty() || path[0] != '/' || path.size() >= 4096) return false;
    for (size_t at = 0; at != std::string::npos; at = path.find('/', at + 1)) {
      std::string_view rest(path.data() + at, path.size() - at);
      if (rest == "/.." || rest.starts_with("/../")) return false;
    }
    return true;
  }

  const Json* find(const char* key) {
    if (!value_.is_object()) return nullptr;
    auto it = value_.find(key);
    if (it == value_.end()) {
      reject(key, "is missing");
      return nullptr;
    }
    return &*it;
  }

  uint64_t number_of(const Json& value, const std::string& at, uint64_t max) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > max) return reject(at, "is not a whole number within its range"), 0;
    return value.get<uint64_t>();
  }

  const Json& value_;
  std::string path_;
  std::string& error_;
};

}  // namespace rvisor
