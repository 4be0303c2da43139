/** A module of handlers, by its address: loaded on a thread of its own when a sandbox starts. */
export interface HandlerModule {
  readonly _tag: "HandlerModule"
  /** `file:` URL, or the name of a package as `import` takes it. */
  readonly url: string
}

export const isHandlerModule = (value: unknown): value is HandlerModule =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "HandlerModule" && "url" in value && typeof value.url === "string"
