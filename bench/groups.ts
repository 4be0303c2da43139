/** The benchmarks, by group, in the order in which they are run and shown. */
import type { Bench } from "./bench.ts"
import { decisions, scale } from "./decisions.ts"
import { distributions } from "./distributions.ts"
import { handlers } from "./handlers.ts"
import { kernel } from "./kernel.ts"
import { micro } from "./micro.ts"
import { servers } from "./servers.ts"
import { startup } from "./startup.ts"
import { translated } from "./translated.ts"
import { work } from "./work.ts"

export interface Group {
  readonly title: string
  readonly sets: ReadonlyArray<string>
  readonly run: (bench: Bench) => Promise<void>
}

export const groups: Readonly<Record<string, Group>> = {
  servers: { title: "Servers", sets: ["nginx", "redis", "postgresql", "node"], run: servers },
  work: { title: "A developer's work", sets: ["work"], run: work },
  micro: { title: "Single operations", sets: ["micro"], run: micro },
  points: {
    title: "Interception points",
    sets: ["handlers", "unpinned", "decisions", "distributions"],
    run: async (bench) => {
      await handlers(bench)
      await decisions(bench)
      await distributions(bench)
    }
  },
  translated: { title: "The translated view", sets: ["paths"], run: translated },
  startup: { title: "Start-up and memory", sets: ["run", "spawn", "memory"], run: startup },
  scale: { title: "Scaling", sets: ["threads", "rules", "files"], run: scale },
  kernel: { title: "The kernel module", sets: ["kmod"], run: kernel }
}
