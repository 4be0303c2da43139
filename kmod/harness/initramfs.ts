/** The first file system of a virtual machine: busybox, `guest.sh` as its first program, the modules it needs, and the job's files. */
import { execFileSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { type Entry, pack } from "./cpio.ts"
import type { Module } from "./modules.ts"

export interface Content {
  readonly busybox: string
  readonly modules: ReadonlyArray<Module>
  /** Marks the lines of `guest.sh`. */
  readonly nonce: string
  /** Whether the job runs over the host's root file system. */
  readonly share: boolean
  /** A shell script. */
  readonly job: string
  /** Files of the host, by the names they have in the job's directory. */
  readonly files: Readonly<Record<string, string>>
}

const directories = ["bin", "dev", "proc", "sys", "tmp", "run", "job", "modules", "t", "etc"]

export const initramfs = ({ busybox, files, job, modules, nonce, share }: Content): Buffer => {
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).split("\n").filter((name) => /^[a-z0-9_[-]+$/.test(name) && name !== "busybox")
  const file = (path: string, data: Uint8Array | string, mode = 0o644): Entry => ({ kind: "file", path, mode, data: typeof data === "string" ? Buffer.from(data) : data })
  return pack([
    ...directories.map((path): Entry => ({ kind: "directory", path, mode: 0o755 })),
    file("init", readFileSync(join(import.meta.dirname, "guest.sh")), 0o755),
    file("bin/busybox", readFileSync(busybox), 0o755),
    ...applets.map((name): Entry => ({ kind: "link", path: `bin/${name}`, target: "busybox" })),
    file("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"),
    file("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ...modules.map(({ data, name }, index) => file(`modules/${String(index).padStart(2, "0")}-${name}.ko`, data)),
    file("job/nonce", `${nonce}\n`),
    ...(share ? [file("job/share", "")] : []),
    file("job/run", job),
    ...Object.entries(files).map(([name, path]) => file(`t/${name}`, readFileSync(path), statSync(path).mode & 0o777))
  ])
}
