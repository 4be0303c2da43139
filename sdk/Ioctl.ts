/**
 * Requests of ioctl(2): `Ioctl.number("TIOCGWINSZ")`, `Ioctl.names(0x5413)`. One number may have several names: what it means depends
 * on the driver. About 2,400 requests of the kernel's exported headers; the table is read when it is first asked.
 */
import { type IoctlName, ioctls } from "./internal/syscall/generated/ioctls.ts"
import * as structs from "./internal/syscall/generated/structs.ts"
import type { Struct } from "./internal/syscall/layout.ts"

export type { IoctlName }

export interface IoctlRequest {
  readonly name: IoctlName
  /** As the kernel takes it: 32 bits, unsigned. */
  readonly number: number
  /** What the argument points to, where that is among the known structures: give it to `call.at`. */
  readonly argument: Struct<unknown> | undefined
}

let byName: ReadonlyMap<string, IoctlRequest> | undefined
let byNumber: ReadonlyMap<number, ReadonlyArray<IoctlRequest>> | undefined

const load = (): ReadonlyMap<string, IoctlRequest> =>
  (byName ??= new Map(ioctls.split("\n").map((line) => {
    const [name, number, argument] = line.split(" ")
    return [name!, {
      name: name as IoctlName,
      number: Number.parseInt(number!, 16),
      argument: argument === undefined ? undefined : (structs as unknown as Readonly<Record<string, Struct<unknown>>>)[argument]
    }]
  })))

export const request = (name: IoctlName): IoctlRequest => load().get(name)!

export const number = (name: IoctlName): number => request(name).number

/** Every request with this number, `[]` for an unknown one. */
export const requests = (number: number): ReadonlyArray<IoctlRequest> => {
  byNumber ??= Map.groupBy(load().values(), (r) => r.number)
  return byNumber.get(number >>> 0) ?? []
}
