/** The version of the package, which is the version of everything in it. */
import manifest from "rvisor/package.json" with { type: "json" }

export const VERSION: string = manifest.version
