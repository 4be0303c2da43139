/**
 * Handlers and what they need, as one value that a package exports:
 *
 *     export default Plugin.make({ name: "fake-hostname", handlers: [fakeHostname], layer: HostnameService.layer })
 *
 * What the handlers require and the layer does not provide is still required of whoever uses the plugin, and visible in its type.
 */
import { Layer } from "effect"
import type { PolicyFault } from "./errors.ts"
import * as EventHandler from "./EventHandler.ts"
import type { AnyHandler } from "./internal/anyHandler.ts"
import * as SyscallHandler from "./SyscallHandler.ts"

export interface Plugin<out E = never, out R = never> {
  readonly _tag: "Plugin"
  /** Of a package: letters, digits, `-`, `_`, `.`, `/` and `@`. */
  readonly name: string
  readonly handlers: ReadonlyArray<AnyHandler>
  /** Provides what the handlers require, in part or whole. */
  readonly layer: Layer.Layer<never, E, R>
}

type ServicesOf<H> = H extends EventHandler.EventHandler<any, infer R> ? R : SyscallHandler.Services<H>

interface Make {
  <const H extends ReadonlyArray<AnyHandler>>(options: { readonly name: string; readonly handlers: H }): Plugin<never, ServicesOf<H[number]>>
  <const H extends ReadonlyArray<AnyHandler>, ROut, E, RIn>(options: {
    readonly name: string
    readonly handlers: H
    readonly layer: Layer.Layer<ROut, E, RIn>
  }): Plugin<E, RIn | Exclude<ServicesOf<H[number]>, ROut>>
}

export const make = ((options: {
  readonly name: string
  readonly handlers: ReadonlyArray<AnyHandler>
  readonly layer?: Layer.Layer<never, any, any>
}): Plugin<any, any> => ({ _tag: "Plugin", name: options.name, handlers: options.handlers, layer: options.layer ?? Layer.empty })) as Make

/** True for what `make` gave, also when it came from another copy of this package. */
export const isPlugin = (value: unknown): value is Plugin<unknown, unknown> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Plugin" && "handlers" in value && Array.isArray(value.handlers) &&
  "layer" in value && Layer.isLayer(value.layer)

/** Everything that is wrong with the plugin's handlers. */
export const check = (plugin: Plugin<unknown, unknown>): ReadonlyArray<PolicyFault> =>
  plugin.handlers.flatMap((handler, index) => {
    const at = `plugin ${plugin.name}.handlers[${index}]`
    return EventHandler.isEventHandler(handler) ? EventHandler.check(handler, at) : SyscallHandler.check(handler, at)
  })
