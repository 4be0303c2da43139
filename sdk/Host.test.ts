import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Host from "./Host.ts"

describe("probe", () => {
  it("asks the kernel for every feature", async () => {
    const report = await Effect.runPromise(Host.probe)
    expect(report.machine).toBe("x86_64")
    expect(report.kernel).toMatch(/^\d+\.\d+/)
    expect(report.uid).toBe(process.getuid!())
    const names = report.features.map((feature) => feature.name)
    expect(names).toEqual(expect.arrayContaining(["user-namespaces", "landlock", "seccomp-filter", "overlayfs", "cgroup-v2", "cgroup-v1"]))
    expect(new Set(names).size).toBe(names.length)
    for (const feature of report.features) expect(feature.ok ? feature.errno : 0).toBe(0)
  })
})
