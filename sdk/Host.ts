/**
 * What this host can enforce, asked of its kernel feature by feature (never guessed from a version). `rvisor doctor` shows it;
 * programs use it to choose a policy before they need one.
 */
import { execFile } from "node:child_process"
import { Effect, Schema } from "effect"
import { LoadError } from "./errors.ts"
import { sentryExecutable } from "./internal/assets.ts"

export class Feature extends Schema.Class<Feature>("rvisor/Feature")({
  /** `user-namespaces`, `landlock`, `cgroup-v2`, … */
  name: Schema.String,
  ok: Schema.Boolean,
  /** What the kernel answered where it refused; 0 otherwise. */
  errno: Schema.Int,
  /** More about it: an ABI version, why something is not used. */
  detail: Schema.String
}) {}

export class HostReport extends Schema.Class<HostReport>("rvisor/HostReport")({
  /** As `uname -r`. */
  kernel: Schema.String,
  /** As `uname -m`. */
  machine: Schema.String,
  /** Who asked: several features are permitted to root only. */
  uid: Schema.Int,
  features: Schema.Array(Feature)
}) {}

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(HostReport))
const SECONDS = 15

/** Asks the kernel. Takes some ten milliseconds: namespaces and filters are tried out in child processes. */
export const probe: Effect.Effect<HostReport, LoadError> = Effect.suspend(() => {
  const object = sentryExecutable()
  const broken = (reason: string) => new LoadError({ object, reason, remedy: "reinstall rvisor on a file system that permits executing (mounted without noexec)" })
  return Effect.callback<string, LoadError>((resume) => {
    const child = execFile(object, ["--probe"], { env: {}, timeout: SECONDS * 1000, killSignal: "SIGKILL" }, (error, stdout) => {
      if (error === null) return resume(Effect.succeed(stdout))
      resume(Effect.fail(broken(error.killed === true ? `did not answer within ${SECONDS} seconds` : error.code === undefined ? error.message : `${error.code}`)))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(Effect.flatMap((text) => Effect.mapError(decode(text), (error) => broken(`answered something else than expected: ${error.message}`))))
})
