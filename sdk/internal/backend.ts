/**
 * What carries system calls to the sentry. `auto` is `ptrace`: the kernel module is never taken because it happens to be there, as it can do less (no
 * trace points), and as it is the decision of whoever runs the host.
 */
import { PolicyFault } from "../errors.ts"
import * as EventHandler from "../EventHandler.ts"
import type { PolicyFields } from "../Policy.ts"
import * as SyscallHandler from "../SyscallHandler.ts"
import { type Placed, withoutCall } from "./handlers.ts"

/** `ptrace`: seccomp filters with notifications, and ptrace(2) where a handler needs it. */
export type Backend = "ptrace" | "kmod"

let automatic: Backend = "ptrace"

/** Makes `auto` mean another backend in this process: for suites that are run over each of them. */
export const setAutomatic = (backend: Backend): void => void (automatic = backend)

export const backendOf = ({ backend = "auto" }: PolicyFields): Backend => backend === "auto" ? automatic : backend

const ELSE = "take `backend: \"ptrace\"`"

/** What the kernel module cannot do: it has no trace points, which the translated view rests on. */
export const backendFaults = (placed: ReadonlyArray<Placed>, translated: boolean): ReadonlyArray<PolicyFault> => [
  ...(translated ? [new PolicyFault({ path: "backend", message: "the translated view needs trace points, which the kernel module does not have", suggestion: ELSE })] : []),
  ...placed.flatMap(({ at, handler }) => {
    if (EventHandler.isEventHandler(handler)) return [new PolicyFault({ path: at, message: "handlers of events need trace points, which the kernel module does not have", suggestion: ELSE })]
    if (SyscallHandler.point(handler) === "trace") return [new PolicyFault({ path: at, message: "a handler of power `steer` needs trace points, which the kernel module does not have", suggestion: ELSE })]
    if (!withoutCall(handler)) return []
    return [new PolicyFault({ path: `${at}.vdso`, message: `programs ask for ${handler.name} without a call, and only a trace point can hide the vDSO from them`, suggestion: `\`vdso: "keep"\`, or ${ELSE}` })]
  })
]
