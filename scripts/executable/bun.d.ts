/** As much of Bun's own interface as `build.ts` and the modules of the self-contained executable use. */
declare module "bun:ffi" {
  interface Signature {
    readonly args: ReadonlyArray<"i32" | "u32" | "u64" | "cstring" | "buffer" | "ptr">
    /** `i64_fast`: a number, where it fits into one. */
    readonly returns: "i32" | "i64_fast" | "cstring"
  }
  export const dlopen: <S extends Record<string, Signature>>(library: string, symbols: S) => {
    readonly symbols: { readonly [K in keyof S]: (...args: ReadonlyArray<number | Buffer | BigInt64Array>) => number }
  }
}

declare module "bun" {
  interface Build {
    readonly module: (name: string, make: () => { readonly exports: object; readonly loader: "object" }) => void
  }
  export const plugin: (plugin: { readonly name: string; readonly setup: (build: Build) => void }) => void
}

declare module "*.node" {
  const path: string
  export default path
}
declare module "*.bundle" {
  const path: string
  export default path
}
declare module "*.so" {
  const path: string
  export default path
}
declare module "*/rvisor-sentry" {
  const path: string
  export default path
}

declare module "*/.places" {
  const path: string
  export default path
}

declare module "*/filters.json" {
  const filters: Readonly<Record<string, string>>
  export default filters
}

declare namespace Bun {
  interface BuildConfig {
    readonly entrypoints: ReadonlyArray<string>
    readonly format: "esm"
    readonly minify: boolean
    readonly bytecode?: boolean
    readonly target?: "bun"
    readonly outdir?: string
    /** `disable`: no value of the building environment is written into the program. */
    readonly env: "disable"
    readonly define: Readonly<Record<string, string>>
    readonly throw: boolean
    readonly compile?: {
      readonly outfile: string
      readonly autoloadDotenv: boolean
      readonly autoloadBunfig: boolean
      readonly autoloadTsconfig: boolean
      readonly autoloadPackageJson: boolean
    }
    readonly plugins: ReadonlyArray<{
      readonly name: string
      readonly setup: (build: {
        readonly onResolve: (filter: { readonly filter: RegExp }, resolve: (what: { readonly path: string }) => { readonly path: string }) => void
      }) => void
    }>
  }
  const build: (config: BuildConfig) => Promise<{ readonly success: boolean; readonly logs: ReadonlyArray<unknown> }>
}
