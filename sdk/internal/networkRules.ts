/**
 * Rules over socket addresses as a policy writes them, and as the decision core takes them.
 *
 *     10.0.0.0/8:443   192.0.2.7:8000-8099/udp   [2001:db8::]/32:*   *:443/tcp   unix:/run/x.sock   unix:/run/app/**   unix:@name
 *
 * A port, a range or `*` is always said; without `/tcp` or `/udp` it is both. IPv4 written as IPv6 is IPv4.
 */
import { isIPv4, isIPv6 } from "node:net"
import { posix } from "node:path"
import { Result } from "effect"
import { parseCidr } from "./decision/cidr.ts"
import { parseGlob, parseName } from "./decision/glob.ts"
import { type AddressRule, type PathRule, Protocol, type Subject } from "./decision/model.ts"
import { escapeGlob, isGlob } from "./globs.ts"

export type NetworkRule =
  | { readonly kind: "ip"; readonly networks: ReadonlyArray<string>; readonly ports: readonly [low: number, high: number]; readonly protocols: number }
  /** A path or a pattern of the guest's. */
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "abstract"; readonly name: string }

const quote = (text: string): string => JSON.stringify(text)

const unix = (text: string): Result.Result<NetworkRule, string> => {
  const rest = text.slice("unix:".length)
  if (rest.startsWith("@")) {
    const name = parseName(rest.slice(1))
    return Result.isFailure(name) ? Result.fail(`${quote(text)}: ${name.failure}`) : Result.succeed({ kind: "abstract", name: rest.slice(1) })
  }
  if (rest === "") return Result.fail(`${quote(text)} names no socket: write unix:/PATH, or unix:@NAME for an abstract one`)
  if (isGlob(rest)) {
    const glob = parseGlob(posix.resolve("/", rest))
    if (Result.isFailure(glob)) return Result.fail(`${quote(text)}: ${glob.failure}`)
  }
  return Result.succeed({ kind: "unix", path: rest })
}

const portOf = (text: string): number | undefined => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined

const protocols: Readonly<Record<string, number>> = { tcp: Protocol.tcp, udp: Protocol.udp }

/** A rule, or in words why the text is none. */
export const parseNetworkRule = (text: string): Result.Result<NetworkRule, string> => {
  if (text.startsWith("unix:")) return unix(text)
  const match = /^(?:\[(?<inner>[^\]]*)\](?<prefix>\/\d+)?|(?<plain>[^:[\]]*)):(?<low>\*|\d+)(?:-(?<high>\d+))?(?:\/(?<protocol>[a-z]+))?$/.exec(text)?.groups
  const protocol = match?.["protocol"]
  if (match === undefined) {
    const bare = text.split("/")[0]!
    const hint = isIPv6(bare) ? `: an IPv6 address stands in brackets, and a port follows: [${bare}]:443`
      : isIPv4(bare) ? `: say the ports: ${text}:443, ${text}:8000-8099, or ${text}:* for all`
      : ": write ADDRESS[/BITS]:PORT, such as 10.0.0.0/8:443, [2001:db8::]/32:*, or unix:/PATH"
    return Result.fail(`${quote(text)} is not a network rule${hint}`)
  }
  if (protocol !== undefined && !(protocol in protocols)) return Result.fail(`${quote(text)}: the protocol is tcp or udp, not ${protocol}`)
  const low = match["low"] === "*" ? 0 : portOf(match["low"]!)
  const high = match["low"] === "*" ? match["high"] === undefined ? 65535 : undefined : match["high"] === undefined ? low : portOf(match["high"])
  if (low === undefined || high === undefined || low > high) return Result.fail(`${quote(text)}: a port is a number from 0 to 65535, a range LOW-HIGH, or *`)
  const host = match["inner"] === undefined ? match["plain"]! : match["inner"] + (match["prefix"] ?? "")
  const rest = { ports: [low, high] as const, protocols: protocol === undefined ? Protocol.tcp | Protocol.udp : protocols[protocol]! }
  if (host === "*" && match["inner"] === undefined) return Result.succeed({ kind: "ip", networks: ["0.0.0.0/0", "::/0"], ...rest })
  const address = host.split("/")[0]!
  if (!isIPv4(address) && !isIPv6(address)) {
    return Result.fail(/[A-Za-z]/.test(host) && !address.includes(":")
      ? `${quote(text)}: ${quote(host)} is a name: names are not decided on, as who answers them is not the policy's; write addresses`
      : `${quote(text)}: ${quote(host)} is not an IP address or network`)
  }
  const network = parseCidr(host)
  return Result.isFailure(network) ? Result.fail(`${quote(text)}: ${network.failure}`) : Result.succeed({ kind: "ip", networks: [host], ...rest })
}

/** The path of a `unix:` rule made absolute; other rules as they are. */
export const absoluteNetworkRule = (text: string, absolute: (path: string) => string): string =>
  text.startsWith("unix:") && !text.startsWith("unix:@") ? `unix:${absolute(text.slice("unix:".length))}` : text

/**
 * Services that hand out credentials to whoever can reach them from a cloud's machine or container: AWS (EC2, ECS, EKS), Google,
 * Azure and others; Alibaba. Also as NAT64 writes them.
 */
const metadata = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23"]
const metadataNetworks = metadata.flatMap((address) => isIPv4(address) ? [address, `64:ff9b::${address}`] : [address])

const sameAddress = (a: string, b: string): boolean => {
  const [x, y] = [parseCidr(a), parseCidr(b)].map((parsed) => Result.isSuccess(parsed) ? `${parsed.success.prefix} ${parsed.success.bytes.join()}` : undefined)
  return x !== undefined && x === y
}

/** Of the metadata services, the addresses that no rule names by itself. */
export const unnamedMetadata = (rules: ReadonlyArray<NetworkRule>): ReadonlyArray<string> => {
  const named = rules.flatMap((rule) => rule.kind === "ip" ? rule.networks : [])
  return metadataNetworks.filter((address) => !named.some((network) => sameAddress(network, address)))
}

export interface CoreRules {
  readonly paths: ReadonlyArray<PathRule>
  readonly addresses: ReadonlyArray<AddressRule>
}

/** The core's rules for one. `places`: the names that a path has in the guest. */
export const coreRules = (rule: NetworkRule, subject: Subject, places: (path: string) => ReadonlyArray<string>): CoreRules => {
  switch (rule.kind) {
    case "ip":
      return { paths: [], addresses: rule.networks.map((cidr) => ({ ...subject, cidr, ports: rule.ports, protocols: rule.protocols })) }
    case "abstract":
      return { paths: [], addresses: [{ ...subject, abstract: rule.name }] }
    case "unix":
      return {
        paths: isGlob(rule.path) ? [{ ...subject, scope: "exact", glob: rule.path }] : places(rule.path).map((path) => ({ ...subject, scope: "exact", path })),
        addresses: []
      }
  }
}

/** An address as a rule would name it, for remedies. */
export const ruleFor = (address: string): string => address.startsWith("/") || address.startsWith("@") ? `unix:${isGlob(address) ? escapeGlob(address) : address}` : address
