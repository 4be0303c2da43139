import type { OverlayPlan } from "./internal/compile.ts"
import type { Native } from "./internal/native.ts"
export interface Changes { readonly target: string }
export const changesOf = (native: Native, overlays: ReadonlyArray<OverlayPlan>, uppers: ReadonlyArray<number>): ReadonlyArray<Changes> => overlays.map((o) => ({ target: o.target }))
