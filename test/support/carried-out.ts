/**
 * Handlers that change nothing but who carries a call out: every call that init can make for a guest, it makes.
 */
import { Effect } from "effect"
import { addressArgument, type BehalfSyscall, behalfCalls, pathArguments } from "../../sdk/internal/syscall/classes.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import { Address, Path } from "../../sdk/Where.ts"

type Carried = SyscallHandler.SyscallHandler<"openat", never>

const make = (name: BehalfSyscall, where: unknown): Carried =>
  SyscallHandler.make(name as "openat", { where: where as never }, () => Effect.succeed(Verdict.continue))

/** By a filter that no path or address passes: init resolves, decides and acts, and asks nobody; but for what names nothing (listen). */
export const carriedOut = (): ReadonlyArray<Carried> =>
  behalfCalls.map((name) => make(name, addressArgument(name) !== undefined ? Address.net("240.0.0.1/32") : pathArguments(name).length > 0 ? Path.exact("/nowhere/at/all") : []))

/** After a handler of this program's has been asked, which lets it go on. */
export const askedAndCarriedOut = (): ReadonlyArray<Carried> => behalfCalls.map((name) => make(name, []))
