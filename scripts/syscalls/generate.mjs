/**
 * Writes sdk/internal/syscall/generated/: the arguments of every x86-64 system call, structure layouts, flag sets, ioctl numbers,
 * errno and signal names.
 *
 *     node scripts/syscalls/generate.mjs KERNEL_SOURCE [--verify]
 *
 * KERNEL_SOURCE is a pristine Linux source tree, 6.12 or later. The files in the repository were made from Debian's
 * linux-source-6.12 (6.12.117):
 *
 *     apt-get download linux-source-6.12 && dpkg -x linux-source-6.12_*.deb . && tar xf usr/src/linux-source-6.12.tar.xz
 *
 * What comes from where:
 * - names and numbers: arch/x86/entry/syscalls/syscall_64.tbl; argument names and C types: the SYSCALL_DEFINE of each entry point;
 *   what came after that tree: later.txt
 * - direction and extent of pointers, and which flag set an integer holds: arguments.txt
 * - structure layouts: gcc compiles structs.h against the tree's exported headers (`make headers`) and says in BTF what it laid out
 * - flags, ioctl numbers, errno: names found by pattern (flags.txt) in the exported headers, values computed by gcc
 *
 * `--verify` (root, Linux with tracefs and BTF) compares the result with the running kernel: argument names of every call it
 * traces, and the layout of every structure that its BTF knows.
 *
 * Needs gcc, binutils and make; takes about a minute.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readBtf } from "./btf.mjs"

const here = fileURLToPath(new URL(".", import.meta.url))
const target = fileURLToPath(new URL("../../sdk/internal/syscall/generated/", import.meta.url))
const source = process.argv[2]
const fail = (message) => {
  console.error(message)
  process.exit(1)
}
if (source === undefined || !existsSync(join(source, "arch/x86/entry/syscalls/syscall_64.tbl"))) fail("usage: node scripts/syscalls/generate.mjs KERNEL_SOURCE [--verify]")
const work = mkdtempSync(join(tmpdir(), "syscalls-"))
process.on("exit", () => rmSync(work, { recursive: true, force: true }))
const lines = (file) => readFileSync(join(here, file), "utf8").split("\n").filter((line) => /^\w/.test(line))

execFileSync("make", ["-s", "headers", "ARCH=x86", `O=${join(work, "headers")}`], { cwd: source, stdio: ["ignore", "ignore", "inherit"] })
const include = join(work, "headers/usr/include")
const version = readFileSync(join(include, "linux/version.h"), "utf8")
const release = ["MAJOR", "PATCHLEVEL", "SUBLEVEL"].map((part) => new RegExp(`${part} (\\d+)`).exec(version)[1]).join(".")
const builtins = execFileSync("gcc", ["-print-file-name=include"], { encoding: "utf8" }).trim()
// Some exported headers include the C library's. Nothing of what is read here needs them, so they are empty.
const empty = join(work, "empty")
mkdirSync(join(empty, "sys"), { recursive: true })
for (const header of ["unistd.h", "string.h", "stdlib.h", "stdio.h", "time.h", "endian.h", "sys/socket.h", "sys/types.h", "sys/time.h", "sys/ioctl.h"]) writeFileSync(join(empty, header), "")
const flags = ["-nostdinc", "-isystem", builtins, "-isystem", include, "-isystem", empty, "-I", here, "-w"]

/** Runs gcc over a text. `undefined` where it does not compile. */
const gcc = (text, ...options) => {
  const file = join(work, "probe.c")
  writeFileSync(file, text)
  const run = spawnSync("gcc", [...flags, ...options, file], { maxBuffer: 1 << 28 })
  return run.status === 0 ? run.stdout : undefined
}

/** Values of constant expressions in the scope of some headers; names that are no integer constants are left out. */
const evaluate = (prelude, names) => {
  const wanted = [...names]
  while (wanted.length > 0) {
    const file = join(work, "values.c")
    const head = `${prelude}\n__attribute__((section(".rv_values"))) const unsigned long long values[] = {\n`
    writeFileSync(file, `${head}${wanted.map((name) => `(unsigned long long)(${name}),`).join("\n")}\n};\n`)
    const first = head.split("\n").length
    const run = spawnSync("gcc", [...flags, "-c", "-o", join(work, "values.o"), file], { encoding: "utf8" })
    if (run.status === 0) {
      execFileSync("objcopy", ["-O", "binary", "-j", ".rv_values", join(work, "values.o"), join(work, "values.bin")])
      const bytes = readFileSync(join(work, "values.bin"))
      return new Map(wanted.map((name, i) => [name, bytes.readBigUInt64LE(i * 8)]))
    }
    const bad = new Set([...run.stderr.matchAll(/values\.c:(\d+):\d+: error/g)].map((m) => wanted[Number(m[1]) - first]).filter((name) => name !== undefined))
    if (bad.size === 0) return undefined
    for (const name of bad) wanted.splice(wanted.indexOf(name), 1)
  }
  return new Map()
}

// ---------------------------------------------------------------- calls and their arguments

const definitions = new Map()
const folders = ["kernel", "fs", "mm", "net", "ipc", "io_uring", "security", "arch/x86", "block", "drivers/char"].map((folder) => join(source, folder))
for (const file of execFileSync("grep", ["-rlE", "--include=*.c", "SYSCALL_DEFINE[0-6]", ...folders], { encoding: "utf8" }).trim().split("\n")) {
  for (const [, count, name, body] of readFileSync(file, "utf8").matchAll(/^SYSCALL_DEFINE(\d)\(\s*(\w+)\s*(?:,([^{;]*?))?\)\s*\{/gms)) {
    const parts = (body ?? "").replace(/\/\*.*?\*\//gs, "").split(",").map((part) => part.replace(/\s+/g, " ").trim())
    definitions.set(name, Array.from({ length: Number(count) }, (_, i) => ({ name: parts[2 * i + 1], type: parts[2 * i] })))
  }
}
// Its declaration is behind one of four configurations, with the arguments in different orders; this is x86-64's.
definitions.set("clone", [
  { name: "clone_flags", type: "unsigned long" },
  { name: "newsp", type: "unsigned long" },
  { name: "parent_tidptr", type: "int *" },
  { name: "child_tidptr", type: "int *" },
  { name: "tls", type: "unsigned long" }
])

const calls = new Map()
for (const line of readFileSync(join(source, "arch/x86/entry/syscalls/syscall_64.tbl"), "utf8").split("\n")) {
  const [number, abi, name, entry] = line.split(/\s+/)
  if (!/^\d+$/.test(number) || abi === "x32") continue
  const symbol = entry?.replace(/^sys_/, "")
  if (symbol !== undefined && symbol !== "ni_syscall" && !definitions.has(symbol)) fail(`${name}: no SYSCALL_DEFINE of ${symbol}`)
  calls.set(name, { number: Number(number), arguments: definitions.get(symbol) ?? [], implemented: definitions.has(symbol) })
}
for (const line of readFileSync(join(here, "later.txt"), "utf8").split("\n")) {
  const match = /^(\d+) (\w+)\((.*)\)/.exec(line)
  if (match === null) continue
  const [, number, name, body] = match
  const known = calls.get(name)
  if (known !== undefined && known.number !== Number(number)) fail(`later.txt and the tree disagree about ${name}`)
  if (known === undefined) {
    calls.set(name, {
      number: Number(number),
      implemented: true,
      arguments: body === "void" ? [] : body.split(",").map((part) => {
        const [, type, argument] = /^(.*?)(\w+)$/.exec(part.trim())
        return { name: argument, type: type.trim() }
      })
    })
  }
}
const numbers = new Map([...calls].sort((a, b) => a[1].number - b[1].number))

const notes = new Map()
for (const line of lines("arguments.txt")) {
  const [name, ...rest] = line.split(/\s+/)
  const call = calls.get(name)
  if (call === undefined) fail(`arguments.txt: there is no system call ${name}`)
  notes.set(name, new Map(rest.map((note) => {
    const [argument, ...value] = note.split("=")
    if (call.implemented && !call.arguments.some((a) => a.name === argument)) fail(`arguments.txt: ${name} has no argument ${argument}`)
    return [argument, value.join("=")]
  })))
}

const scalars = new Map(Object.entries({
  "int": "i4", "unsigned int": "u4", "unsigned": "u4", "umode_t": "u2", "long": "i8", "unsigned long": "u8", "size_t": "u8", "loff_t": "i8", "off_t": "i8",
  "pid_t": "i4", "uid_t": "u4", "gid_t": "u4", "qid_t": "u4", "key_t": "i4", "key_serial_t": "i4", "mqd_t": "i4", "clockid_t": "i4", "timer_t": "i4",
  "u32": "u4", "__u32": "u4", "__s32": "i4", "__u64": "u8", "u64": "u8", "rwf_t": "i4", "aio_context_t": "u8", "enum landlock_rule_type": "u4"
}))
const descriptors = /^(fd|ufd|epfd|pidfd|fildes|oldfd|newfd|mqdes|out_fd|in_fd|fd_in|fd_out|fdin|fdout|group_fd|kernel_fd|initrd_fd|fs_fd|ruleset_fd|fanotify_fd|max_fd)$/
const directories = /^(dfd|olddfd|newdfd|from_dfd|to_dfd|mountdirfd)$/

const bare = (type) => type.replace(/\b(const|__user)\b/g, " ").replace(/\s+/g, " ").trim()
const specification = (call, argument) => {
  const note = notes.get(call)?.get(argument.name)
  if (argument.type.includes("*") || /^(const )?cap_user_/.test(argument.type)) {
    if (note !== undefined) {
      const [direction, pointee] = note.split(":")
      const sign = { in: "<", out: ">", inout: "=" }[direction]
      if (sign === undefined || pointee === undefined) fail(`arguments.txt: ${call} ${argument.name}=${note}`)
      return sign + pointee
    }
    if (/^const char (__user )?\*$/.test(argument.type)) return "<str"
    return fail(`${call}: what does the pointer ${argument.type} ${argument.name} point to? Say it in arguments.txt`)
  }
  const scalar = scalars.get(bare(argument.type))
  if (scalar === undefined) return fail(`${call}: unknown type ${argument.type}`)
  if (note === "fd" || (note === undefined && descriptors.test(argument.name))) return "fd"
  if (note === "dfd" || (note === undefined && directories.test(argument.name))) return "dfd"
  return note === undefined ? scalar : `${scalar}%${note}`
}
const table = new Map([...numbers].map(([name, call]) => [name, call.arguments.map((argument) => ({ name: argument.name, spec: specification(name, argument) }))]))

// The numbers are in sdk/internal/syscalls.ts, which has its own script. Both must speak of the same calls.
const { syscallNumbers } = await import("../../sdk/internal/syscalls.ts")
for (const [name, { number }] of numbers) if (syscallNumbers[name] !== number) fail(`sdk/internal/syscalls.ts has ${name} as ${syscallNumbers[name]}, the tree as ${number}`)
for (const name of Object.keys(syscallNumbers)) if (!numbers.has(name)) fail(`sdk/internal/syscalls.ts has ${name}, the tree and later.txt do not`)

// ---------------------------------------------------------------- structures

const structs = new Map(lines("structs.txt").map((line) => {
  const [name, ...type] = line.split(" ")
  return [name, type.join(" ")]
}))
const object = join(work, "structs.o")
if (gcc(`#include "structs.h"\n${[...structs].map(([name, type]) => `${type} v_${name};`).join("\n")}\n`, "-gbtf", "-c", "-o", object) === undefined) fail("structs.h does not compile")

const resolve = (types, id) => {
  let type = types[id]
  while (type.kind === "alias") type = types[type.type]
  return type
}
const sizeOf = (types, type) => type.kind === "array" ? type.count * sizeOf(types, resolve(types, type.type)) : type.size
const hidden = /^_*(pad|unused|reserved|spare|resv|rsvd|shm_unused|svm_reserved|svm_zero|f_spare|st_pad|pad_cgo|dqb_valid_pad)\d*_?$/

/** Leaf members with absolute offsets. Anonymous members are flattened; of a union the widest member stands for all. */
const layout = (types, struct, names, base = 0) => struct.members.flatMap((member) => {
  const type = resolve(types, member.type)
  const offset = base + (member.bit >> 3)
  if (hidden.test(member.name)) return []
  if (type.kind === "union") {
    const widest = type.members.reduce((a, b) => sizeOf(types, resolve(types, b.type)) > sizeOf(types, resolve(types, a.type)) ? b : a)
    return layout(types, { members: [member.name === "" ? widest : { ...widest, name: member.name }] }, names, offset)
  }
  if (type.kind === "struct" && member.name === "") return layout(types, type, names, offset)
  if (type.kind === "struct" && type.name === "" && !names.has(type)) {
    return layout(types, type, names, offset).map((inner) => ({ ...inner, name: `${member.name}_${inner.name}` }))
  }
  if (type.kind === "array" && type.count === 0) return []
  const code = field(types, member.type, names, member)
  if (member.width === 0 || member.width === type.size * 8) return [{ name: member.name, offset, code }]
  // A bit field: the unit of its type that holds it, and where in that.
  const unit = type.size * 8
  const within = member.bit % unit
  return [{ name: member.name, offset: base + (member.bit - within) / 8, code: `${code}:${within}:${member.width}` }]
})
const field = (types, id, names, member) => {
  const type = resolve(types, id)
  if (type.kind === "pointer") return "u8"
  if (type.kind === "int") return `${type.signed ? "i" : "u"}${type.size}`
  if (type.kind === "enum") return `u${type.size}`
  if (type.kind === "array") {
    const element = resolve(types, type.type)
    if (element.name === "char") return `c${type.count}`
    if (element.kind === "int" && element.size === 1) return `b${type.count}`
    return `${field(types, type.type, names, member)}*${type.count}`
  }
  const name = names.get(id) ?? names.get(type)
  if (name === undefined) return fail(`structs.txt lacks ${type.kind} ${type.name} (of member ${member.name})`)
  return name
}
const built = readBtf(readFileSync(object))
const byType = new Map()
for (const type of built) if (type.kind === "variable") byType.set(resolve(built, type.type), type.name.slice(2))
const layouts = new Map([...structs.keys()].map((name) => {
  const type = [...byType].find(([, n]) => n === name)?.[0] ?? fail(`gcc did not describe ${name}`)
  return [name, { size: type.size, fields: layout(built, type, byType) }]
}))

// ---------------------------------------------------------------- flags, errno, signals

const preludes = new Map()
const namesIn = (headers) => {
  const key = headers.join(",")
  const known = preludes.get(key)
  if (known !== undefined) return known
  const prelude = headers.map((header) => {
    if (!header.startsWith("kernel:")) return `#include <${header}>`
    return [...readFileSync(join(source, header.slice(7)), "utf8").matchAll(/^#\s*define\s+[A-Z]\w+\s+[^\s(/].*$/gm)].map((m) => m[0]).join("\n")
  }).join("\n")
  const expanded = gcc(prelude, "-E", "-P") ?? fail(`${key} does not preprocess`)
  const macros = gcc(prelude, "-E", "-dM")
  const names = new Set([...expanded.toString().matchAll(/\b[A-Z_][A-Z0-9_]*\b/g), ...macros.toString().matchAll(/(?<=^#define )[A-Z_][A-Z0-9_]*(?= )/gm)].map((m) => m[0]))
  const answer = { prelude, names: [...names] }
  preludes.set(key, answer)
  return answer
}
const whole = (pattern) => new RegExp(`^(?:${pattern})$`)

const sets = new Map()
for (const line of lines("flags.txt")) {
  const [set, kind, headers, ...rest] = line.split(/\s+/)
  const entries = []
  if (headers === "literal") {
    for (const entry of rest) {
      const [name, value] = entry.split("=")
      const [number, mask] = value.split("/")
      entries.push({ name, value: BigInt(number), mask: mask === undefined ? (kind === "enum" ? -1n : undefined) : BigInt(mask) })
    }
  } else {
    const { prelude, names } = namesIn(headers.split(","))
    const pattern = whole(rest[0])
    const options = rest.slice(1)
    const field = options.indexOf("field") >= 0 ? options.slice(options.indexOf("field") + 1, options.indexOf("field") + 3) : undefined
    const not = options.indexOf("not") >= 0 ? whole(options[options.indexOf("not") + 1]) : undefined
    const wanted = names.filter((name) => pattern.test(name) && !(not?.test(name) ?? false))
    const values = evaluate(prelude, field === undefined ? wanted : [...wanted, field[0]]) ?? fail(`${set}: cannot be evaluated`)
    const mask = field === undefined ? undefined : values.get(field[0])
    for (const name of wanted) {
      const value = values.get(name)
      if (value === undefined) fail(`${set}: ${name} is no constant`)
      const narrow = value >= 0xffffffff00000000n ? value & 0xffffffffn : value
      entries.push({ name, value: narrow, mask: kind === "enum" ? -1n : field !== undefined && whole(field[1]).test(name) ? mask : undefined })
    }
  }
  if (entries.length === 0) fail(`${set} is empty`)
  entries.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0))
  sets.set(set, entries)
}
for (const [name, arguments_] of table) {
  for (const { spec } of arguments_) {
    const set = /%(\w+)/.exec(spec)?.[1]
    if (set !== undefined && !sets.has(set)) fail(`${name}: no flag set ${set}`)
    const pointee = /^[<>=](\w+)/.exec(spec)?.[1]
    const known = /^(str|strv|bytes|fdset|sigset|sockaddr|any|Siginfo|[iu][1248])$/
    if (pointee !== undefined && !known.test(pointee) && !structs.has(pointee)) fail(`${name}: no structure ${pointee}`)
  }
}
const errno = namesIn(["asm/errno.h"])
const errnos = [...evaluate(errno.prelude, errno.names.filter((name) => /^E[A-Z0-9]+$/.test(name)))].map(([name, value]) => ({ name, value: Number(value) }))
const aliases = new Set(["EWOULDBLOCK", "EDEADLOCK"])
errnos.sort((a, b) => a.value - b.value || Number(aliases.has(a.name)) - Number(aliases.has(b.name)))

// ---------------------------------------------------------------- ioctl numbers

const ioctls = new Map()
const byC = new Map([...structs].map(([name, type]) => [type, name]))
const walk = (folder) => readdirSync(join(include, folder), { withFileTypes: true }).flatMap((entry) => entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)])
for (const header of [...walk("asm-generic"), ...walk("asm"), ...walk("linux"), ...walk("drm"), ...walk("scsi"), ...walk("sound"), ...walk("mtd"), ...walk("misc"), ...walk("rdma")].sort()) {
  const text = readFileSync(join(include, header), "utf8").replace(/\\\n/g, " ")
  const found = new Map()
  for (const [, name, body] of text.matchAll(/^#\s*define\s+([A-Z][A-Za-z0-9_]*)\s+(.*)$/gm)) {
    const code = /\b_?[A-Z]*_?IO(?:|R|W|WR|RW|C|R_NODE|_R|_W|_WR)\s*\(/.test(body) && !/\(\s*[a-z_]+\s*\)\s*$/.test(name)
    const plain = (header === "asm-generic/ioctls.h" && /^(TC|TI|FI)[A-Z0-9]+$/.test(name)) || (header === "linux/sockios.h" && name.startsWith("SIOC"))
    if (code || plain) found.set(name, /,\s*((?:struct|union)\s+\w+)\s*\)/.exec(body)?.[1])
  }
  if (found.size === 0) continue
  const prelude = `#include <linux/types.h>\n#include <linux/ioctl.h>\n#include <${header}>`
  for (const [name, value] of evaluate(prelude, found.keys()) ?? []) {
    if (value <= 0xffn || value > 0xffffffffn || /(_BASE|_MAGIC|_TYPE|_END|_START|_NR|_MASK)$/.test(name)) continue
    if (!ioctls.has(name)) ioctls.set(name, { value: Number(value), struct: byC.get(found.get(name)) })
  }
}
for (const [name, struct] of Object.entries({ TCGETS: "Termios", TCSETS: "Termios", TCSETSW: "Termios", TCSETSF: "Termios", TIOCGWINSZ: "Winsize", TIOCSWINSZ: "Winsize" })) {
  ioctls.get(name).struct = struct
}

// ---------------------------------------------------------------- what is written

const hex = (value) => value < 10n ? String(value) : `0x${value.toString(16)}`
const origin = `Made by scripts/syscalls/generate.mjs from Linux ${release}; do not edit.`
const wrapped = (words) => words.reduce((text, word) => text.length - text.lastIndexOf("\n") + word.length > 138 ? `${text}\n  ${word}` : `${text} ${word}`, " ")
const write = (file, text) => writeFileSync(join(target, file), text)
mkdirSync(target, { recursive: true })

const scalarType = (code) => code.endsWith("8") ? "bigint" : "number"
const pointeeType = (pointee) => {
  const [, base, bracket] = /^(\w+)(?:\[(.*)\])?$/.exec(pointee)
  switch (base) {
    case "str": return "CString"
    case "strv": return "ReadonlyArray<CString>"
    case "bytes": return "Uint8Array"
    case "fdset": return "ReadonlyArray<number>"
    case "sigset": return "bigint"
    case "sockaddr": return "Sockaddr"
    case "Siginfo": return "Siginfo"
  }
  const element = /^[iu]\d$/.test(base) ? scalarType(base) : `S.${base}`
  return bracket === undefined ? element : `ReadonlyArray<${element}>`
}
const argumentType = (spec) => {
  if (spec === "fd" || spec === "dfd") return "number"
  if (!/^[<>=]/.test(spec)) return scalarType(spec.slice(0, 2))
  const pointee = spec.slice(1)
  if (pointee === "any" || pointee === "bytes") return "Address"
  return `${spec.startsWith("<") ? "ConstPointer" : "Pointer"}<${pointeeType(pointee)}>`
}

write("arguments.ts", `/**
 * Every x86-64 system call: its arguments and what they point to. The interface is for the compiler, the text for the program
 * (one line a call, \`!\` after those no kernel implements any more; read by ../table.ts). Numbers: ../../syscalls.ts. ${origin}
 */
import type { Address, ConstPointer, CString, Pointer } from "../../../GuestMemory.ts"
import type { Siginfo } from "../siginfo.ts"
import type { Sockaddr } from "../sockaddr.ts"
import type * as S from "./structs.ts"

export interface SyscallArguments {
${[...table].map(([name, list]) => `  readonly ${name}: {${list.length === 0 ? "" : ` ${list.map((a) => `readonly ${a.name}: ${argumentType(a.spec)}`).join("; ")} `}}`).join("\n")}
}

export const calls = \`\\
${[...table].map(([name, list]) => [`${name}${numbers.get(name).implemented ? "" : "!"}`, ...list.map((a) => `${a.name}:${a.spec}`)].join(" ")).join("\n")}\`
`)

const fieldType = (code) => {
  const [, element, repeat] = /^(.*?)(\*\d+)?$/.exec(code.replace(/:\d+:\d+$/, ""))
  const type = /^c\d+$/.test(element) ? "string" : /^b\d+$/.test(element) ? "Uint8Array" : /^[iu]\d$/.test(element) ? scalarType(element) : element
  return repeat === undefined ? type : `ReadonlyArray<${type}>`
}
// A structure before those that hold it.
const ordered = []
const place = (name) => {
  if (ordered.includes(name)) return
  for (const { code } of layouts.get(name).fields) {
    const inner = code.replace(/\*\d+$/, "")
    if (layouts.has(inner)) place(inner)
  }
  ordered.push(name)
}
for (const name of layouts.keys()) place(name)
write("structs.ts", `/**
 * Structures that system calls pass by pointer, as gcc lays them out on x86-64. Padding and reserved members are left out (and
 * written as zero); of a union the widest member stands. Addresses are bigints. ${origin}
 */
import { type Struct, struct } from "../layout.ts"

${ordered.map((name) => {
  const { size, fields } = layouts.get(name)
  const inner = [...new Set(fields.map((f) => f.code.replace(/\*\d+$/, "")).filter((code) => layouts.has(code)))]
  return `/** \`${structs.get(name).replace("rv_", "")}\`, ${size} bytes. */
export interface ${name} {
${fields.map((f) => `  readonly ${f.name}: ${fieldType(f.code)}`).join("\n")}
}
export const ${name}: Struct<${name}> = struct("${name}", ${size}, "${fields.map((f) => `${f.name}@${f.offset}=${f.code}`).join(" ")}"${inner.length === 0 ? "" : `, () => ({ ${inner.join(", ")} })`})`
}).join("\n\n")}
`)

write("flags.ts", `/**
 * Sets of flags and constants with their kernel names. ${origin}
 */
import { type FlagSet, flagSet } from "../flagSet.ts"

${[...sets].map(([set, entries]) => `export const ${set}: FlagSet<${entries.map((e) => `"${e.name}"`).join(" | ")}> = flagSet(
  "${set}",
  "${entries.map((e) => `${e.name}=${hex(e.value)}${e.mask === undefined ? "" : e.mask === -1n ? "/" : `/${hex(e.mask)}`}`).join(" ")}"
)`).join("\n")}
`)

write("errno.ts", `/**
 * Names of error numbers. Where two names share a number the usual one comes first. ${origin}
 */
export type ErrnoName = ${errnos.map((e) => `"${e.name}"`).join(" | ")}

export const errnos = "${errnos.map((e) => `${e.name}=${e.value}`).join(" ")}"
`)

const sortedIoctls = [...ioctls].sort((a, b) => a[1].value - b[1].value || (a[0] < b[0] ? -1 : 1))
write("ioctls.ts", `/**
 * Requests of ioctl(2): name, number, and the structure the argument points to where structs.ts has it. Several names may share a
 * number: what a request means depends on the driver behind the descriptor. ${origin}
 */
export type IoctlName =
${wrapped(sortedIoctls.map(([name]) => `| "${name}"`))}

export const ioctls = \`\\
${sortedIoctls.map(([name, { value, struct }]) => `${name} ${value.toString(16)}${struct === undefined ? "" : ` ${struct}`}`).join("\n")}\`
`)
console.log(`${table.size} calls, ${layouts.size} structures, ${sets.size} sets, ${errnos.length} errors, ${ioctls.size} ioctl requests (Linux ${release})`)

// ---------------------------------------------------------------- against the running kernel

if (process.argv.includes("--verify")) {
  let wrong = 0
  const complain = (message) => {
    wrong++
    console.error(message)
  }
  const mount = join(work, "tracing")
  mkdirSync(mount)
  const traced = spawnSync("unshare", ["-m", "sh", "-c", `mount -t tracefs tracefs "$1" && cd "$1/events/syscalls" && for f in sys_enter_*; do echo "call \${f#sys_enter_}"; cat "$f/format"; done`, "sh", mount], { encoding: "utf8", maxBuffer: 1 << 26 })
  if (traced.status !== 0) fail(`tracefs: ${traced.stderr}`)
  const entries = new Map([...traced.stdout.matchAll(/^call (\w+)\n([\s\S]*?)(?=^call |$(?![\s\S]))/gm)].map(([, name, text]) => [
    name,
    [...text.matchAll(/^\tfield:(.*?)(\w+);\toffset:(\d+);/gm)].filter((m) => Number(m[3]) >= 16).map((m) => ({ type: m[1].trim(), name: m[2] }))
  ]))
  let compared = 0
  for (const [name, list] of table) {
    const entry = [name, `new${name}`, name === "umount2" ? "umount" : "", name === "sendfile" ? "sendfile64" : ""].map((n) => entries.get(n)).find((e) => e !== undefined)
    if (entry === undefined) continue
    compared++
    const ours = list.map((a) => `${a.name}${/^[<>=]/.test(a.spec) ? "*" : ""}`).join(", ")
    const theirs = entry.map((a) => `${a.name}${a.type.includes("*") || a.type.startsWith("cap_user_") || a.type.startsWith("const cap_user_") ? "*" : ""}`).join(", ")
    if (ours !== theirs) complain(`${name}: (${ours}) here, (${theirs}) in the running kernel`)
  }
  const kernel = readBtf(readFileSync("/sys/kernel/btf/vmlinux"))
  // Inside the kernel their members have other names, or sit in a named union.
  const renamed = new Set(["PtRegs", "PtraceSyscallInfo"])
  const inKernel = { Sigaltstack: "sigaltstack", Flock: "flock", Winsize: "winsize" }
  let structures = 0
  for (const [name, { size, fields }] of layouts) {
    const c = inKernel[name] ?? structs.get(name).replace(/^struct /, "")
    const type = kernel.find((t) => t.kind === "struct" && t.name === c)
    if (type === undefined) continue
    structures++
    const theirs = new Map()
    const flatten = (members, base) => {
      for (const member of members) {
        const inner = resolve(kernel, member.type)
        const offset = base + (member.bit >> 3)
        theirs.set(member.name, offset)
        if ((inner.kind === "struct" || inner.kind === "union") && member.name === "") flatten(inner.members, offset)
      }
    }
    flatten(type.members, 0)
    if (type.size > size) console.log(`${name}: the running kernel has appended ${type.size - size} bytes`)
    if (type.size < size) complain(`${name}: ${size} bytes here, ${type.size} in the running kernel`)
    for (const f of fields) {
      const offset = theirs.get(f.name)
      if (offset === undefined && renamed.has(name)) continue
      if (offset === undefined) complain(`${name}.${f.name} is not in the running kernel`)
      else if (offset !== f.offset && !f.code.includes(":")) complain(`${name}.${f.name}: at ${f.offset} here, at ${offset} in the running kernel`)
    }
  }
  console.log(`verified ${compared} calls and ${structures} structures against the running kernel: ${wrong === 0 ? "no difference" : `${wrong} differences`}`)
}
