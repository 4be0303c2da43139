// SPDX-License-Identifier: Apache-2.0
#include "kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <string>

namespace rvisor {
namespace {

constexpr const char* kStep = "kmod";

}  // namespace

Status KernelModule::open(Fd& device) {
  device.reset(::open(RV_DEVICE_PATH, O_RDWR | O_CLOEXEC));
  if (device.valid()) return std::nullopt;
  int err = errno;
  return fail(kStep, RV_DEVICE_PATH, err, err == ENOENT || err == ENXIO || err == ENODEV ? "the kernel module is not loaded" : "");
}

Status KernelModule::begin(const ModulePlan& plan) {
  rv_device_hello hello{};
  hello.version = RV_DEVICE_VERSION;
  hello.program_version = RV_VERSION;
  if (ioctl(device_.get(), RV_DEVICE_HELLO, &hello)) {
    int err = errno;
    if (err != EPROTO) return fail(kStep, "HELLO", err);
    auto versions = [](uint32_t device, uint32_t program) { return std::to_string(device) + "." + std::to_string(program); };
    return fail(kStep, "HELLO", err,
                "the loaded module speaks version " + versions(hello.version, hello.program_version) + ", this rvisor version " + versions(RV_DEVICE_VERSION, RV_VERSION));
  }
  rv_device_program program{};
  program.address = reinterpret_cast<uint64_t>(plan.program.data());
  program.size = static_cast<uint32_t>(plan.size);
  program.flags = RV_PROGRAM_QUIET | RV_PROGRAM_APPEAL | RV_PROGRAM_KILL_PROCESS;
  if (!ioctl(device_.get(), RV_DEVICE_PROGRAM, &program)) return std::nullopt;
  int err = errno;
  if (err != EINVAL) return fail(kStep, "PROGRAM", err, err == EFBIG ? "the policy's rules are more than the kernel module takes" : "");
  return fail("plan", "program of the kernel module", err, "fault " + std::to_string(program.fault.code) + " at byte " + std::to_string(program.fault.offset));
}

Status KernelModule::enroll(pid_t child) {
  rv_device_register request{};
  request.tid = static_cast<uint32_t>(child);
  if (!ioctl(device_.get(), RV_DEVICE_REGISTER, &request)) return std::nullopt;
  int err = errno;
  return fail(kStep, "REGISTER", err, err == EBUSY ? "the process has a seccomp filter already" : "");
}

int KernelModule::exchange(rv_device_exchange& exchange) const { return ioctl(device_.get(), RV_DEVICE_EXCHANGE, &exchange) ? errno : 0; }

int KernelModule::reply(const rv_device_reply& reply) const {
  rv_device_exchange exchange{};
  exchange.reply = reply;
  exchange.flags = RV_EXCHANGE_REPLY;
  int err = this->exchange(exchange);
  return err ? err : static_cast<int>(exchange.result);
}

bool KernelModule::waits(uint64_t id) const {
  rv_device_valid request{id};
  return !ioctl(device_.get(), RV_DEVICE_VALID, &request);
}

rv_device_status KernelModule::status() const {
  rv_device_status status{};
  ioctl(device_.get(), RV_DEVICE_STATUS, &status);
  return status;
}

Filter module_filter() { return {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS}}; }

}  // namespace rvisor
