/**
 * Programs believe that the machine has as many processors as you say: `nproc`, `make -j$(nproc)`, thread pools.
 *
 * The default export is the plugin, which is all that `rvisor run --handler` and `SyscallHandler.fromModule` look at. Programs that use
 * the library may take the handler alone and bring their own `Cpus`.
 */
import { Context, Effect, Layer } from "effect"
import { Plugin, SyscallHandler, Verdict } from "rvisor"

/** How many processors there are said to be. */
export class Cpus extends Context.Service<Cpus, { readonly count: number }>()("rvisor-plugin-cpus/Cpus") {
  /** From the environment: `CPUS`, or one. */
  static readonly layer = Layer.sync(Cpus, () => ({ count: Math.max(1, Math.floor(Number(process.env["CPUS"] ?? 1)) || 1) }))
}

/** sched_getaffinity(2): one bit for each processor; the result is the number of bytes. */
export const affinity = SyscallHandler.make("sched_getaffinity", (call) =>
  Effect.gen(function*() {
    const { count } = yield* Cpus
    const mask = new Uint8Array(Math.ceil(count / 64) * 8)
    if (call.args.len < mask.length) return Verdict.errno("EINVAL")
    for (let cpu = 0; cpu < count; cpu++) mask[cpu >> 3]! |= 1 << (cpu & 7)
    yield* call.args.user_mask_ptr.write(mask)
    return Verdict.value(mask.length)
  }))

export default Plugin.make({ name: "rvisor-plugin-cpus", handlers: [affinity], layer: Cpus.layer })
