/**
 * `rvisor doctor`: what this host can enforce. The features are asked of the kernel, not of its version; the verdict comes from a
 * sandbox that is really started.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../sdk/Command.ts"
import * as Host from "../sdk/Host.ts"
import * as Outcome from "../sdk/Outcome.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as ExitCode from "./exit-code.ts"
import { type Feature, features } from "./features.ts"
import * as KernelModule from "./kernel-module.ts"
import { factLines } from "./kmod.ts"
import { print, visible } from "./output.ts"

/** Runs `true` under a policy; what held, or why it did not start. */
const attempt = (policy: Policy.Policy) =>
  Effect.gen(function*() {
    const command = Command.set(Command.make("true"), { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
    const sandbox = yield* Sandbox.spawn(command, policy)
    const outcome = yield* sandbox.exit
    return Outcome.isSuccess(outcome)
      ? { works: true as const, layers: sandbox.layers }
      : { works: false as const, error: `\`true\` did not succeed: ${outcome._tag}` }
  }).pipe(
    Effect.scoped,
    Effect.result,
    Effect.map(Result.match({ onSuccess: (found) => found, onFailure: (error) => ({ works: false as const, error: error.message }) }))
  )

const diagnose = Effect.gen(function*() {
  const host = yield* Host.probe
  const found = features.map((feature) => ({ ...feature, ...(host.features.find((f) => f.name === feature.name) ?? { ok: false, errno: 0, detail: "not asked for by this sentry" }) }))
  const sandbox = yield* attempt(Policy.default)
  const limited = yield* attempt(Policy.limits(Policy.default, { memory: "64 MiB", cpus: 1 }))
  const kernelModule = KernelModule.facts(KernelModule.thisHost())
  const moduleSandbox = KernelModule.usable(kernelModule) ? yield* attempt(Policy.make({ backend: "kmod" })) : undefined
  return { kernel: host.kernel, machine: host.machine, uid: host.uid, features: found, sandbox, limits: limited, kernelModule, ...(moduleSandbox === undefined ? {} : { moduleSandbox }) }
})

type Diagnosis = Effect.Success<typeof diagnose>

/** Whether the lack of a feature costs anything here: the other version of control groups may serve, and root needs no user namespace. */
const matters = (feature: Feature & { readonly ok: boolean }, { features, uid }: Diagnosis): boolean => {
  if (feature.ok) return false
  if (feature.need === "control groups") return !features.some((other) => other.need === "control groups" && other.ok)
  return !(feature.name === "user-namespaces" && uid === 0)
}

/** Nothing of it is needed: where the module is not to be had, the remedies are left to `rvisor kmod status`. */
const moduleVerdict = ({ kernelModule, moduleSandbox }: Diagnosis): string => {
  if (moduleSandbox?.works === true) return "rvisor's kernel module is loaded, and sandboxes under `--backend kmod` work here."
  if (moduleSandbox !== undefined) return `rvisor's kernel module is loaded, but a sandbox under \`--backend kmod\` cannot be started:\n${moduleSandbox.error}`
  const [first] = KernelModule.obstacles(kernelModule)
  if (first === undefined) return "rvisor's kernel module is not loaded, and nothing stands in its way: rvisor kmod build, then rvisor kmod load as root."
  return `rvisor's kernel module is not usable here: ${first.detail === "" ? `${first.name}: no` : first.detail}. Nothing needs it.\n(rvisor kmod status: what to do)`
}

const verdict = (diagnosis: Diagnosis): ReadonlyArray<string> => [...sandboxVerdict(diagnosis), moduleVerdict(diagnosis)]

const sandboxVerdict = ({ sandbox, limits, uid }: Diagnosis): ReadonlyArray<string> => {
  const who = uid === 0 ? "root" : "a plain user"
  if (!sandbox.works) return [`A sandbox under the default policy cannot be started by ${who}:`, sandbox.error]
  const groups = limits.works ? limits.layers.find((layer) => layer.startsWith("cgroup-v")) : undefined
  const translated = sandbox.layers.includes("translated")
  return [
    `Sandboxes work here, for ${who}, in the ${translated ? "translated" : "namespace"} view. The default policy holds by ${sandbox.layers.join(", ")}.`,
    ...(translated ? ["This host gives no namespaces: the sentry translates paths instead. Overlays, identities and a private loopback are not to be had (docs/policy.md)."] : []),
    limits.works
      ? `Limits of memory and CPUs are enforced${groups === undefined ? "" : ` by control groups version ${groups.slice("cgroup-v".length)}`}.`
      : `Limits of memory and CPUs cannot be enforced: a policy that asks for them is refused.\n${limits.error}`
  ]
}

const indent = (text: string): string => text.replaceAll("\n", "\n    ")

const text = (diagnosis: Diagnosis): string => {
  const lines = diagnosis.features.map((feature) => {
    const mark = feature.ok ? "yes" : matters(feature, diagnosis) ? "NO " : "no "
    const head = `${mark}  ${feature.name.padEnd(28)}${feature.use}${feature.detail === "" ? "" : ` (${visible(feature.detail)})`}`
    return matters(feature, diagnosis) ? `${head}\n       lost:   ${feature.lost}\n       remedy: ${feature.remedy}` : head
  })
  const optional = diagnosis.kernelModule.map((fact) => factLines(fact)[0]!)
  return [
    `Linux ${diagnosis.kernel} on ${diagnosis.machine}, user id ${diagnosis.uid}`, "", ...lines, "", "For the kernel module, which nothing needs:", ...optional, "",
    ...verdict(diagnosis).map(indent)
  ].join("\n")
}

export const doctor = Effect.fnUntraced(function*({ json }: { readonly json: boolean | undefined }) {
  const diagnosis = yield* diagnose
  print(json === true ? JSON.stringify({ ok: diagnosis.sandbox.works, ...diagnosis, verdict: verdict(diagnosis) }, null, 2) : text(diagnosis))
  return diagnosis.sandbox.works ? ExitCode.OK : ExitCode.NO
})
