/** `siginfo_t` as strace writes it: `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=12, …}`. */
import type { Siginfo } from "../syscall/siginfo.ts"
import { ChildCode, FaultCodes } from "./constants.ts"
import { address, hex } from "./text.ts"
import { constant, signal } from "./values.ts"

const SIGCHLD = 17
const EXITED = 1

const code = (info: Siginfo): string => {
  if (info.code <= 0 || info.code === 0x80) return constant("SignalCode", BigInt.asUintN(32, BigInt(info.code)))
  const set = info.signo === SIGCHLD ? ChildCode : FaultCodes[info.signo]
  return set?.entries.find((entry) => entry.value === info.code)?.name ?? hex(info.code)
}

const value = (bits: bigint): string => `{sival_int=${BigInt.asIntN(32, bits)}, sival_ptr=${address(bits)}}`

export const showSiginfo = (info: Siginfo): string => {
  const head = `si_signo=${signal(info.signo)}, si_code=${code(info)}${info.errno === 0 ? "" : `, si_errno=${info.errno}`}`
  switch (info.kind) {
    case "kill":
      return `{${head}, si_pid=${info.pid}, si_uid=${info.uid}}`
    case "queue":
      return `{${head}, si_pid=${info.pid}, si_uid=${info.uid}, si_value=${value(info.value)}}`
    case "timer":
      return `{${head}, si_timerid=${hex(info.timer)}, si_overrun=${info.overrun}, si_value=${value(info.value)}}`
    case "child":
      return `{${head}, si_pid=${info.pid}, si_uid=${info.uid}, si_status=${info.code === EXITED ? info.status : signal(info.status)}, si_utime=${info.utime}, si_stime=${info.stime}}`
    case "fault":
      return `{${head}, si_addr=${address(info.address)}}`
    case "poll":
      return `{${head}, si_band=${info.band}, si_fd=${info.fd}}`
    case "syscall":
      return `{${head}, si_call_addr=${address(info.address)}, si_syscall=${info.number}, si_arch=${hex(info.arch)}}`
    case "other":
      return `{${head}}`
  }
}
