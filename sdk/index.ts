/**
 * rvisor: running programs that nobody trusts, at native speed.
 *
 * ```ts
 * import { Command, Policy, Sandbox } from "rvisor"
 * ```
 *
 * Programs that do not use Effect import `rvisor/promise`.
 */
export * as Changes from "./Changes.ts"
export * as Command from "./Command.ts"
export { ChangesError, LoadError, PolicyError, PolicyFault, SandboxError, SetupError, type SpawnError } from "./errors.ts"
export * as Errno from "./Errno.ts"
export * as EventHandler from "./EventHandler.ts"
export * as GuestMemory from "./GuestMemory.ts"
export * as Host from "./Host.ts"
export * as Ioctl from "./Ioctl.ts"
export * as Outcome from "./Outcome.ts"
export * as Plugin from "./Plugin.ts"
export * as Policy from "./Policy.ts"
export * as Sandbox from "./Sandbox.ts"
export * as SandboxSpawner from "./SandboxSpawner.ts"
export * as Signal from "./Signal.ts"
export * as Syscall from "./Syscall.ts"
export * as SyscallFormat from "./SyscallFormat.ts"
export * as SyscallHandler from "./SyscallHandler.ts"
export * as Verdict from "./Verdict.ts"
export * as Violation from "./Violation.ts"
export * as VirtualTree from "./VirtualTree.ts"
export { Address, Arg, Path } from "./Where.ts"
