/**
 * Reads BTF, the kernel's compact type format (Documentation/bpf/btf.rst), either from the `.BTF` section of an ELF object
 * that gcc made (`-gbtf`) or from a bare blob such as /sys/kernel/btf/vmlinux.
 */

/** The `.BTF` section of a little-endian 64-bit ELF file. */
const section = (elf) => {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength)
  const table = Number(view.getBigUint64(40, true))
  const entry = view.getUint16(58, true)
  const count = view.getUint16(60, true)
  const names = view.getUint16(62, true)
  const at = (index) => {
    const base = table + index * entry
    return { name: view.getUint32(base, true), offset: Number(view.getBigUint64(base + 24, true)), size: Number(view.getBigUint64(base + 32, true)) }
  }
  const text = at(names).offset
  for (let i = 0; i < count; i++) {
    const header = at(i)
    const end = elf.indexOf(0, text + header.name)
    if (elf.toString("latin1", text + header.name, end) === ".BTF") return elf.subarray(header.offset, header.offset + header.size)
  }
  throw new Error("the object has no .BTF section")
}

/** @returns {Array<any>} the types by id; id 0 is `void`. `type` is the id a type refers to. */
export const readBtf = (file) => {
  const blob = file.readUInt32BE(0) === 0x7f454c46 ? section(file) : file
  if (blob.readUInt16LE(0) !== 0xeb9f) throw new Error("not BTF")
  const header = blob.readUInt32LE(4)
  const types = header + blob.readUInt32LE(8)
  const end = types + blob.readUInt32LE(12)
  const strings = header + blob.readUInt32LE(16)
  const string = (offset) => blob.toString("latin1", strings + offset, blob.indexOf(0, strings + offset))
  const found = [{ kind: "void", name: "void" }]
  let at = types
  while (at < end) {
    const name = string(blob.readUInt32LE(at))
    const info = blob.readUInt32LE(at + 4)
    const size = blob.readUInt32LE(at + 8)
    const count = info & 0xffff
    const flag = info >>> 31
    const kind = (info >>> 24) & 31
    at += 12
    switch (kind) {
      case 1: {
        const bits = blob.readUInt32LE(at)
        found.push({ kind: "int", name, size, signed: ((bits >>> 24) & 1) === 1 })
        at += 4
        break
      }
      case 3:
        found.push({ kind: "array", name, type: blob.readUInt32LE(at), count: blob.readUInt32LE(at + 8) })
        at += 12
        break
      case 4:
      case 5: {
        const members = []
        for (let i = 0; i < count; i++, at += 12) {
          const offset = blob.readUInt32LE(at + 8)
          members.push({
            name: string(blob.readUInt32LE(at)),
            type: blob.readUInt32LE(at + 4),
            bit: flag ? offset & 0xffffff : offset,
            width: flag ? offset >>> 24 : 0
          })
        }
        found.push({ kind: kind === 4 ? "struct" : "union", name, size, members })
        break
      }
      case 6:
        found.push({ kind: "enum", name, size, signed: flag === 1 })
        at += count * 8
        break
      case 19:
        found.push({ kind: "enum", name, size, signed: flag === 1 })
        at += count * 12
        break
      case 13:
        found.push({ kind: "prototype", name })
        at += count * 8
        break
      case 14:
        found.push({ kind: "variable", name, type: size })
        at += 4
        break
      case 15:
        found.push({ kind: "section", name })
        at += count * 12
        break
      case 17:
        found.push({ kind: "tag", name })
        at += 4
        break
      case 2:
        found.push({ kind: "pointer", name, size: 8 })
        break
      case 8:
      case 9:
      case 10:
      case 11:
      case 18:
        found.push({ kind: "alias", name, type: size })
        break
      default:
        found.push({ kind: "other", name })
    }
  }
  return found
}
