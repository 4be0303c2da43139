/**
 * The host's system directories as the guest sees them: `/usr` and its links, an allow-list of `/etc`, private `/tmp` and
 * `/run`, `/proc` and `/dev`. Depends on the host alone, so it is worked out once and kept until a directory it looked at changes.
 */
import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs"
import type { Entry } from "./view.ts"

export type SystemView = "full" | "essential"

/**
 * What programs read in /etc: loader, names, time, locale, certificates, and settings of language runtimes. Never accounts'
 * secrets (shadow, gshadow, sudoers), keys (ssh, ssl/private, pki/…/private, letsencrypt), nor settings that often hold
 * credentials (environment, fstab, gitconfig, npmrc, pip.conf, maven, mysql, postgresql, wireguard, NetworkManager, docker).
 * Each entry is a mount, about 40 µs of every start: only what programs miss stands here.
 */
const etc: ReadonlyArray<string> = [
  "ld.so.cache", "ld-musl-x86_64.path", "alternatives", "nsswitch.conf", "host.conf", "gai.conf", "protocols", "services",
  "localtime", "timezone", "locale.conf", "os-release", "lsb-release", "redhat-release",
  "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust", "crypto-policies",
  "mime.types", "terminfo", "inputrc", "profile", "profile.d", "bash.bashrc", "bashrc", "fonts", "xdg", "perl", "python3", "lua", "php", "R"
]

const etcEssential: ReadonlyArray<string> = ["ld.so.cache", "ld-musl-x86_64.path", "alternatives", "nsswitch.conf", "localtime", "os-release"]

const prefixes = [/^java(-|$)/, /^python3\.\d+$/]

const roots: ReadonlyArray<string> = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
const extra: ReadonlyArray<string> = ["/opt", "/nix/store", "/gnu/store"]

const watched = ["/", "/etc", "/etc/ssl", "/etc/pki", "/etc/pki/tls"]

const quietly = <A>(look: () => A): A | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** `target` as it is on the host: a bind, or the same symbolic link. Nothing where the host has no such thing. */
const mirror = (target: string, follow: boolean): Entry | undefined => {
  const st = quietly(() => lstatSync(target))
  if (st === undefined) return undefined
  if (st.isSymbolicLink() && !follow) {
    const content = readlinkSync(target)
    return { target, system: true, at: "", kind: "symlink", content }
  }
  const source = quietly(() => realpathSync.native(target))
  if (source === undefined) return undefined
  return { target, system: true, at: "", kind: "bind", source, writable: false, directory: statSync(source).isDirectory() }
}

const build = (view: SystemView, network: boolean): ReadonlyArray<Entry> => {
  const entries: Array<Entry | undefined> = [mirror("/usr", true), ...roots.map((path) => mirror(path, false))]
  if (view === "full") entries.push(...extra.map((path) => mirror(path, true)))
  const names = view === "essential" ? [...etcEssential] : [
    ...etc,
    ...(quietly(() => readdirSync("/etc")) ?? []).filter((name) => prefixes.some((prefix) => prefix.test(name)))
  ]
  for (const name of names) {
    // A link into /usr stays a link; any other (resolv.conf → /run/…) would dangle, so what it names is bound.
    const target = `/etc/${name}`
    const real = quietly(() => realpathSync.native(target))
    if (real !== undefined) entries.push(mirror(target, !real.startsWith("/usr/")))
  }
  if (network) entries.push(mirror("/etc/resolv.conf", true), mirror("/etc/hosts", true))
  entries.push(
    { target: "/tmp", system: true, at: "", kind: "tmpfs", mode: 0o1777 },
    { target: "/var/tmp", system: true, at: "", kind: "symlink", content: "/tmp" },
    { target: "/proc", system: true, at: "", kind: "proc" },
    { target: "/dev", system: true, at: "", kind: "dev" }
  )
  if (view === "full") {
    entries.push(
      { target: "/run", system: true, at: "", kind: "tmpfs", mode: 0o755, size: 16 << 20 },
      { target: "/var/run", system: true, at: "", kind: "symlink", content: "/run" }
    )
  }
  return entries.filter((entry) => entry !== undefined)
}

const cache = new Map<string, { readonly stamp: string; readonly entries: ReadonlyArray<Entry> }>()

const stampOf = (): string => {
  let stamp = ""
  for (const path of watched) stamp += `${statSync(path, { throwIfNoEntry: false })?.mtimeMs} `
  return stamp
}

/** The system's part of the view. */
export const systemEntries = (view: SystemView, network: boolean): ReadonlyArray<Entry> => {
  const key = `${view} ${network}`
  const stamp = stampOf()
  const known = cache.get(key)
  if (known?.stamp === stamp) return known.entries
  const entries = build(view, network)
  cache.set(key, { stamp, entries })
  return entries
}
