/**
 * A virtual machine that runs one job and ends: QEMU without hardware help, as a plain user, with the kernel's log on one serial
 * port and the job's output on another. Whatever it does, it comes to an `Ending`: a kernel that panics or hangs, or that writes
 * a complaint into its log, is a result and not an exception.
 */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { complaints } from "./complaints.ts"
import { initramfs } from "./initramfs.ts"
import { loadOrder } from "./modules.ts"
import { busybox, type Kernel, qemu } from "./packages.ts"
import { cache } from "./place.ts"

export interface Job {
  readonly kernel: Pick<Kernel, "vmlinux" | "modules">
  /** A shell script; its exit code is the job's. It is run by busybox's shell in the directory of `files`, or, with `share`, by the host's. */
  readonly script: string
  /** Files of the host, by the names that they have in the job's directory. */
  readonly files?: Readonly<Record<string, string>>
  /** The host's root file system is the job's too, with a layer of memory over it that takes all writes. */
  readonly share?: boolean
  /** Modules of the kernel's own that are loaded first; those that are built in have no files, and are there already. */
  readonly modules?: ReadonlyArray<string>
  readonly cpus?: number
  /** MiB. */
  readonly memory?: number
  /** One instruction is one nanosecond: times are then counts of instructions, the same in every run. */
  readonly counting?: boolean
  /** More words for the kernel's command line. */
  readonly append?: ReadonlyArray<string>
  /** How long it may take, once the machine has come up. */
  readonly seconds: number
  /** Is given the job's output, line by line, as it comes. */
  readonly onLine?: (line: string) => void
}

export type Ending = {
  /**
   * `ended`: the job came to its end, with `code`. `died`: the machine stopped before that. `hung`: it was stopped `seconds` after it
   * had come up. `absent`: it never came up.
   */
  readonly how: "ended" | "died" | "hung" | "absent"
  /** The job's exit code; -1 where there is none. */
  readonly code: number
  /** What the job printed. */
  readonly lines: ReadonlyArray<string>
  /** What the kernel wrote into its log that it writes only where something is wrong. */
  readonly complaints: ReadonlyArray<string>
  readonly log: string
  /** QEMU's own words. */
  readonly said: string
  readonly milliseconds: number
}

/** What the share needs; a kernel that has it built in has no files for it. */
const shareModules = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]

/** How long a machine may take to come up. */
const COMING_UP = 90

const commandLine = [
  "console=ttyS0", "earlyprintk=ttyS0", "ignore_loglevel", "panic=-1", "oops=panic", "softlockup_panic=1", "hung_task_panic=1", "nmi_watchdog=0", "random.trust_cpu=on"
]

const once = async (job: Job, directory: string): Promise<Ending> => {
  const { arguments: own, env, program, threads } = await qemu()
  const nonce = `rvisor-${randomBytes(8).toString("hex")}`
  const { share = false } = job
  const ramdisk = join(directory, "initramfs"), logFile = join(directory, "log")
  writeFileSync(ramdisk, initramfs({
    busybox: await busybox(), modules: loadOrder(job.kernel.modules, [...(share ? shareModules : []), ...(job.modules ?? [])]), nonce, share, job: job.script, files: job.files ?? {}
  }))
  writeFileSync(logFile, "")
  const parallel = threads && job.counting !== true
  const args = [
    ...own,
    "-machine", "q35", "-accel", `tcg,thread=${parallel ? "multi" : "single"}`, "-cpu", "max", "-smp", String(job.cpus ?? 2), "-m", String(job.memory ?? 512),
    ...(job.counting === true ? ["-icount", "shift=0"] : []),
    "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
    "-chardev", `file,id=log,path=${logFile}`, "-serial", "chardev:log", "-chardev", "stdio,id=job,signal=off", "-serial", "chardev:job",
    ...(share ? ["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"] : []),
    "-kernel", job.kernel.vmlinux, "-initrd", ramdisk, "-append", [...commandLine, ...(job.append ?? [])].join(" ")
  ]
  const started = performance.now()
  // In a session of its own, so that all of it can be killed; and it dies with this process, however that ends.
  const machine = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], { detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } })
  const kill = (): void => {
    try {
      process.kill(-machine.pid!, "SIGKILL")
    } catch {
      // It has ended already.
    }
  }
  const lines: Array<string> = []
  let said = "", rest = "", up = false, code = -1, hung = false
  const coming = setTimeout(kill, COMING_UP * 1000)
  let patience: NodeJS.Timeout | undefined
  const runs = (): void => {
    up = true
    clearTimeout(coming)
    patience = setTimeout(() => {
      hung = true
      kill()
    }, job.seconds * 1000)
  }
  machine.stdout.setEncoding("utf8").on("data", (text: string) => {
    const whole = (rest + text).split(/\r?\n/)
    rest = whole.pop()!
    for (const line of whole) {
      const mark = line.startsWith(`${nonce} `) ? line.slice(nonce.length + 1) : undefined
      if (mark?.startsWith("up ")) runs()
      else if (mark?.startsWith("end ")) code = Number(mark.slice(4))
      else {
        lines.push(mark ?? line)
        job.onLine?.(mark ?? line)
      }
    }
  })
  machine.stderr.setEncoding("utf8").on("data", (text: string) => said += text)
  const stop = (): void => kill()
  process.once("exit", stop)
  await new Promise<void>((resolve, reject) => {
    machine.once("error", reject)
    machine.once("close", () => resolve())
  })
  process.off("exit", stop)
  clearTimeout(coming)
  clearTimeout(patience)
  if (rest !== "") lines.push(rest)
  const log = readFileSync(logFile, "latin1").replaceAll("\r", "")
  const how = code >= 0 ? "ended" : !up ? "absent" : hung ? "hung" : "died"
  return { how, code, lines, complaints: complaints(log), log, said, milliseconds: performance.now() - started }
}

/** Runs a job in a machine of its own. A machine that never comes up, which says nothing about the job, is tried once more. */
export const boot = async (job: Job): Promise<Ending> => {
  mkdirSync(join(cache, "machines"), { recursive: true })
  const directory = mkdtempSync(join(cache, "machines/m-"))
  try {
    const ending = await once(job, directory)
    return ending.how === "absent" && ending.complaints.length === 0 ? await once(job, directory) : ending
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
