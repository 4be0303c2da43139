/**
 * What each preset stands for. A policy holds only what was given; this is what it is laid over when a sandbox starts.
 * Every path here is optional: a preset never faults.
 */
import type { PolicyFields } from "../Policy.ts"
import type { Host } from "./host.ts"
import type { Preset } from "./seccompRules.ts"

/** Harmless names that change how a program speaks to its user. */
const pass = ["LANG", "LANGUAGE", "LC_*", "TERM", "TZ", "COLORTERM", "NO_COLOR"]

/** Where credentials of well-known tools lie beneath a home directory. */
const secrets = [
  ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gcloud", ".config/gh", ".config/op", ".netrc", ".npmrc", ".yarnrc.yml",
  ".pypirc", ".git-credentials", ".config/git/credentials", ".password-store", ".local/share/keyrings", ".cargo/credentials",
  ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".gradle/gradle.properties", ".terraform.d", ".vault-token", ".pgpass",
  ".my.cnf", ".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".claude", ".codex",
  ".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".local/share/fish/fish_history"
]

const MiB = 1 << 20

export const presetFields = (preset: Preset, host: Host): PolicyFields => {
  switch (preset) {
    case "default": return { environment: { pass } }
    case "strict": return {
      environment: { pass },
      limits: { memory: 256 * MiB, processes: 32, cpuTime: 10_000, wallTime: 60_000, output: 10 * MiB, openFiles: 256, fileSize: 64 * MiB }
    }
    case "trusted": return host.home === undefined
      ? { network: "host", environment: { pass } }
      : {
        network: "host",
        environment: { pass, set: { HOME: host.home } },
        filesystem: {
          read: [{ path: host.home, optional: true }],
          deny: secrets.map((name) => ({ path: `${host.home}/${name}`, optional: true }))
        }
      }
  }
}
