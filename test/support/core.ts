/**
 * The C decision core for tests: compiled from source with undefined behaviour trapped, called through koffi, its answers in
 * the shapes of the reference evaluator.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import koffi from "koffi"
import { records, RV } from "../../sdk/internal/decision/format.ts"
import type { Access, Call, Decision } from "../../sdk/internal/decision/reference.ts"

const sources = fileURLToPath(new URL("../../native/core/", import.meta.url))

/** Loaded, the library needs its file no more. */
const build = () => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-core-"))
  const library = join(directory, "core.so")
  const files = readdirSync(sources).filter((name) => name.endsWith(".c")).map((name) => join(sources, name))
  execFileSync("cc", ["-std=c11", "-O1", "-shared", "-fPIC", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-o", library, ...files], {
    stdio: ["ignore", "inherit", "inherit"]
  })
  const loaded = koffi.load(library)
  rmSync(directory, { recursive: true, force: true })
  return loaded
}

const library = build()
const rvValidate = library.func("uint32_t rv_validate(const void *program, size_t size, void *fault)")
const rvEvalCall = library.func("void rv_eval_call(const void *program, const void *call, void *out)")
const rvEvalPath = library.func("uint32_t rv_eval_path(const void *program, const void *path, size_t length, uint32_t rights, uint32_t flags, void *out)")
const rvEvalAddress = library.func(
  "uint32_t rv_eval_address(const void *program, const void *sockaddr, size_t length, uint32_t protocol, uint32_t rights, void *address, void *out)"
)

export interface Address {
  readonly kind: number
  readonly flags: number
  readonly port: number
  readonly family: number
  readonly name: number
  readonly nameLength: number
  readonly scope: number
  readonly bytes: Uint8Array
}

const fault = new DataView(new ArrayBuffer(records.fault.SIZE))
const call = new DataView(new ArrayBuffer(records.call.SIZE))
const decision = new DataView(new ArrayBuffer(records.decision.SIZE))
const access = new DataView(new ArrayBuffer(records.access.SIZE))
const address = new DataView(new ArrayBuffer(records.address.SIZE))
const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer)

/** Code and offset of the first fault; code 0 for none. */
export const validate = (program: Uint8Array): { readonly code: number; readonly offset: number } => {
  rvValidate(program, program.length, bytesOf(fault))
  return { code: fault.getUint32(records.fault.code.at, true), offset: fault.getUint32(records.fault.offset.at, true) }
}

export const evalCall = (program: Uint8Array, { arch, args, nr }: Call): Decision => {
  call.setUint32(records.call.nr.at, nr, true)
  call.setUint32(records.call.arch.at, arch, true)
  args.forEach((argument, index) => call.setBigUint64(records.call.args.at + 8 * index, argument, true))
  rvEvalCall(program, bytesOf(call), bytesOf(decision))
  const at = records.decision
  return {
    action: decision.getUint8(at.action.at),
    base: decision.getUint8(at.base.at),
    error: decision.getUint16(at.error.at, true),
    rule: decision.getUint32(at.rule.at, true),
    paths: decision.getUint8(at.paths.at),
    addresses: decision.getUint8(at.addresses.at),
    handlers: decision.getBigUint64(at.handlers.at, true),
    pending: decision.getBigUint64(at.pending.at, true)
  }
}

const readAccess = (): Access => ({
  verdict: access.getUint32(records.access.verdict.at, true),
  rule: access.getUint32(records.access.rule.at, true),
  missing: access.getUint32(records.access.missing.at, true),
  filters: access.getBigUint64(records.access.filters.at, true)
})

export const evalPath = (program: Uint8Array, path: Uint8Array, rights: number, tree = false): Access => {
  rvEvalPath(program, path, path.length, rights, tree ? RV.PATH_TREE : 0, bytesOf(access))
  return readAccess()
}

export const evalAddress = (program: Uint8Array, sockaddr: Uint8Array, protocol: number, rights: number): Access & { readonly address: Address } => {
  rvEvalAddress(program, sockaddr, sockaddr.length, protocol, rights, bytesOf(address), bytesOf(access))
  const at = records.address
  return {
    ...readAccess(),
    address: {
      kind: address.getUint8(at.kind.at),
      flags: address.getUint8(at.flags.at),
      port: address.getUint16(at.port.at, true),
      family: address.getUint16(at.family.at, true),
      name: address.getUint16(at.name.at, true),
      nameLength: address.getUint16(at.name_length.at, true),
      scope: address.getUint32(at.scope.at, true),
      bytes: bytesOf(address).slice(at.bytes.at, at.bytes.at + at.bytes.bytes)
    }
  }
}
