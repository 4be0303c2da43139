/**
 * Handlers and what they need, as one value that a package exports:
 *
 *     export default Plugin.make({ name: "fake-hostname", handlers: [fakeHostname], layer: HostnameService.layer })
 *
 * What the handlers require and the layer does not provide is still required of whoever uses the plugin, and visible in its type.
 */
import { Layer } from "effect"
import type { PolicyFault } from "./errors.ts"
import * as SyscallHandler from "./SyscallHandler.ts"

export interface Plugin<out E = never, out R = never> {
  readonly _tag: "Plugin"
  /** Of a package: letters, digits, `-`, `_`, `.`, `/` and `@`. */
  readonly name: string
  readonly handlers: ReadonlyArray<SyscallHandler.Any>
  /** Provides what the handlers require, in part or whole. */
  readonly layer: Layer.Layer<never, E, R>
}

interface Make {
  <const H extends ReadonlyArray<SyscallHandler.Any>>(options: { readonly name: string; readonly handlers: H }): Plugin<never, SyscallHandler.Services<H[number]>>
  <const H extends ReadonlyArray<SyscallHandler.Any>, ROut, E, RIn>(options: {
    readonly name: string
    readonly handlers: H
    readonly layer: Layer.Layer<ROut, E, RIn>
  }): Plugin<E, RIn | Exclude<SyscallHandler.Services<H[number]>, ROut>>
}

export const make = ((options: {
  readonly name: string
  readonly handlers: ReadonlyArray<SyscallHandler.Any>
  readonly layer?: Layer.Layer<never, any, any>
}): Plugin<any, any> => ({ _tag: "Plugin", name: options.name, handlers: options.handlers, layer: options.layer ?? Layer.empty })) as Make

/** True for what `make` gave, also when it came from another copy of this package. */
export const isPlugin = (value: unknown): value is Plugin<unknown, unknown> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Plugin" && "handlers" in value && Array.isArray(value.handlers) &&
  "layer" in value && Layer.isLayer(value.layer)

/** Everything that is wrong with the plugin's handlers. */
export const check = (plugin: Plugin<unknown, unknown>): ReadonlyArray<PolicyFault> =>
  plugin.handlers.flatMap((handler, index) => SyscallHandler.check(handler, `plugin ${plugin.name}.handlers[${index}]`))
