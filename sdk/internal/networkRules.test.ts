import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { compileProgram } from "./decision/program.ts"
import { type Model, Protocol, Right } from "./decision/model.ts"
import { RV } from "./decision/format.ts"
import { evalAddress } from "./decision/reference.ts"
import { absoluteNetworkRule, coreRules, type NetworkRule, parseNetworkRule, ruleFor, unnamedMetadata } from "./networkRules.ts"
import { encodeSockaddr } from "./syscall/sockaddr.ts"

const rule = (text: string): NetworkRule => Result.getOrThrow(parseNetworkRule(text))
const wrong = (text: string): string => {
  const result = parseNetworkRule(text)
  return Result.isFailure(result) ? result.failure : `${text} is a rule`
}
const both = Protocol.tcp | Protocol.udp

describe("network rules", () => {
  it("name networks, ports and protocols", () => {
    expect(rule("10.0.0.0/8:443")).toEqual({ kind: "ip", networks: ["10.0.0.0/8"], ports: [443, 443], protocols: both })
    expect(rule("[2001:db8::]/32:*")).toEqual({ kind: "ip", networks: ["2001:db8::/32"], ports: [0, 65535], protocols: both })
    expect(rule("[2001:db8::/32]:1-2/tcp")).toEqual({ kind: "ip", networks: ["2001:db8::/32"], ports: [1, 2], protocols: Protocol.tcp })
    expect(rule("127.0.0.1:8000-8099/udp")).toEqual({ kind: "ip", networks: ["127.0.0.1"], ports: [8000, 8099], protocols: Protocol.udp })
    expect(rule("*:443/tcp")).toEqual({ kind: "ip", networks: ["0.0.0.0/0", "::/0"], ports: [443, 443], protocols: Protocol.tcp })
    expect(rule("unix:/run/x.sock")).toEqual({ kind: "unix", path: "/run/x.sock" })
    expect(rule("unix:/run/app/**")).toEqual({ kind: "unix", path: "/run/app/**" })
    expect(rule("unix:@app-*")).toEqual({ kind: "abstract", name: "app-*" })
  })

  it("say what is wrong with them", () => {
    expect(wrong("example.org:443")).toMatch(/"example.org" is a name: names are not decided on/)
    expect(wrong("localhost:80")).toMatch(/is a name/)
    expect(wrong("10.0.0.1")).toMatch(/say the ports: 10.0.0.1:443/)
    expect(wrong("10.0.0.0/8")).toMatch(/say the ports/)
    expect(wrong("2001:db8::1")).toMatch(/an IPv6 address stands in brackets.*\[2001:db8::1\]:443/)
    expect(wrong("10.0.0.1/8:443")).toMatch(/bits beyond its prefix/)
    expect(wrong("10.0.0.0/33:443")).toMatch(/prefix/)
    expect(wrong("[fe80::1%eth0]:443")).toMatch(/not an IP address/)
    for (const port of ["65536", "2-1", "*-3", "01"]) expect(wrong(`10.0.0.1:${port}`)).toMatch(/a port is a number from 0 to 65535/)
    expect(wrong("10.0.0.1:443/sctp")).toMatch(/the protocol is tcp or udp, not sctp/)
    expect(wrong("unix:")).toMatch(/names no socket/)
    expect(wrong("unix:/run/[a")).toMatch(/not closed/)
    expect(wrong("unix:@[a")).toMatch(/not closed/)
    for (const text of ["", "tcp:443", ":443", "[::1]", "10.0.0.1:http"]) expect(wrong(text)).not.toContain("is a rule")
  })

  it("are made absolute where they name a path", () => {
    expect(absoluteNetworkRule("unix:x.sock", (path) => `/base/${path}`)).toBe("unix:/base/x.sock")
    expect(absoluteNetworkRule("unix:@x", () => "no")).toBe("unix:@x")
    expect(absoluteNetworkRule("10.0.0.1:*", () => "no")).toBe("10.0.0.1:*")
  })

  it("leave metadata services refused unless one names them by itself", () => {
    expect(unnamedMetadata([rule("*:*")])).toContain("169.254.169.254")
    expect(unnamedMetadata([rule("169.254.0.0/16:*")])).toContain("169.254.169.254")
    expect(unnamedMetadata([rule("169.254.169.254:80")])).not.toContain("169.254.169.254")
    expect(unnamedMetadata([rule("[fd00:ec2:0::254]:80")])).not.toContain("fd00:ec2::254")
    expect(unnamedMetadata([])).toContain("fd00:ec2::254")
  })

  it("decide as they say", () => {
    const grant = { kind: "grant", id: 1, rights: Right.connect } as const, deny = { kind: "deny", id: 2, rights: Right.connect } as const
    const rules = [coreRules(rule("10.0.0.0/8:443/tcp"), grant, (path) => [path]), coreRules(rule("10.1.0.0/16:*"), deny, (path) => [path]), coreRules(rule("[::1]:1-9"), grant, (path) => [path])]
    const model: Model = {
      default: { type: "allow" }, foreign: { type: "kill" }, calls: [],
      paths: rules.flatMap(({ paths }) => paths), addresses: rules.flatMap(({ addresses }) => addresses)
    }
    expect(Result.isSuccess(compileProgram(model))).toBe(true)
    const verdict = (family: "AF_INET" | "AF_INET6", address: string, port: number, protocol: number) =>
      evalAddress(model, encodeSockaddr(family === "AF_INET" ? { family, address, port } : { family, address, port, flowinfo: 0, scope: 0 } as never), protocol, Right.connect).verdict
    expect(verdict("AF_INET", "10.2.3.4", 443, Protocol.tcp)).toBe(RV.VERDICT_GRANTED)
    expect(verdict("AF_INET6", "::ffff:10.2.3.4", 443, Protocol.tcp)).toBe(RV.VERDICT_GRANTED)
    expect(verdict("AF_INET", "10.2.3.4", 443, Protocol.udp)).toBe(RV.VERDICT_MISSING)
    expect(verdict("AF_INET", "10.1.3.4", 443, Protocol.tcp)).toBe(RV.VERDICT_DENIED)
    expect(verdict("AF_INET", "11.2.3.4", 443, Protocol.tcp)).toBe(RV.VERDICT_MISSING)
    expect(verdict("AF_INET6", "::1", 9, Protocol.udp)).toBe(RV.VERDICT_GRANTED)
    expect(verdict("AF_INET6", "::1", 10, Protocol.udp)).toBe(RV.VERDICT_MISSING)
  })

  it("are told as they would be written", () => {
    expect(ruleFor("/run/x")).toBe("unix:/run/x")
    expect(ruleFor("/run/[x]")).toBe("unix:/run/\\[x\\]")
    expect(ruleFor("@x")).toBe("unix:@x")
    expect(ruleFor("10.0.0.1:443")).toBe("10.0.0.1:443")
  })
})
