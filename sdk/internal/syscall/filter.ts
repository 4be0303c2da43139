/**
 * A handler's `where` in the words of the decision core (internal/decision/model.ts): argument names become register numbers with
 * the kernel's width and sign, path and address clauses the patterns of a handler filter. The handler must have passed `check`.
 */
import type { Any } from "../../SyscallHandler.ts"
import type { ArgumentClause, PathPattern } from "../../Where.ts"
import type { AddressRule, Condition, PathRule, Pointers, Subject } from "../decision/model.ts"
import { Right } from "../decision/model.ts"
import { syscallNumbers } from "../syscalls.ts"
import { addressArgument, pathArguments } from "./classes.ts"
import { syscallInfo } from "./table.ts"

export interface Filter {
  readonly nr: number
  readonly when: ReadonlyArray<Condition>
  /** The arguments that are resolved and compared before the handler is asked. */
  readonly pointers: Pointers
  readonly paths: ReadonlyArray<PathRule>
  readonly addresses: ReadonlyArray<AddressRule>
}

const ordered = new Set<string>(["lt", "le", "gt", "ge", "range"])

const condition = (handler: Any, clause: ArgumentClause<string>): Condition => {
  const argument = syscallInfo(handler.name).arguments.find((a) => a.name === clause.argument)!
  const code = argument.kind === "scalar" ? argument.code : "u8"
  const { test } = clause
  // A type narrower than an int: the bits that the kernel drops are dropped here too.
  const width = code === "u2" ? 0xffffn : undefined
  const own = "mask" in test ? test.mask : undefined
  const mask = own === undefined ? width : width === undefined ? own : own & width
  const { mask: _, ...rest } = { mask: undefined, ...test }
  return {
    argument: argument.index,
    ...(code.endsWith("8") ? {} : { narrow: true }),
    ...(code.startsWith("i") && mask === undefined && ordered.has(test.op) ? { signed: true } : {}),
    ...(mask === undefined ? {} : { mask }),
    ...rest
  }
}

/** A relative glob may match at any depth. */
const absolute = (pattern: PathPattern): { readonly scope: "exact" | "subtree"; readonly path: string } | { readonly scope: "exact"; readonly glob: string } => {
  if (!("glob" in pattern) || pattern.glob.startsWith("/")) return pattern
  return { ...pattern, glob: pattern.glob.startsWith("**/") ? `/${pattern.glob}` : `/**/${pattern.glob}` }
}

/** `handler`: the number, 0 to 63, that the handler has in the program. */
export const filterOf = (handler: Any, number: number): Filter => {
  const { arguments: list } = syscallInfo(handler.name)
  const indexOf = (name: string): number => list.find((a) => a.name === name)!.index
  const subject: Subject = { kind: "filter", handler: number, rights: Right.all }
  const when: Array<Condition> = []
  const paths: Array<PathRule> = []
  const addresses: Array<AddressRule> = []
  const pointers: { paths?: ReadonlyArray<number>; addresses?: ReadonlyArray<number> } = {}
  for (const clause of handler.where) {
    switch (clause.kind) {
      case "argument":
        when.push(condition(handler, clause))
        break
      case "path": {
        const wanted = pathArguments(handler.name).map((p) => p.argument).filter((name) => clause.argument === undefined || clause.argument === name)
        pointers.paths = wanted.map(indexOf)
        paths.push(...clause.patterns.map((pattern) => ({ ...subject, ...absolute(pattern) })))
        break
      }
      case "address":
        pointers.addresses = [indexOf(addressArgument(handler.name)!)]
        for (const pattern of clause.patterns) {
          if (pattern.family === "ip") addresses.push({ ...subject, cidr: pattern.cidr, ...(pattern.ports === undefined ? {} : { ports: pattern.ports }) })
          else if (pattern.family === "abstract") addresses.push({ ...subject, abstract: pattern.name })
          else paths.push({ ...subject, ...absolute(pattern.path) })
        }
    }
  }
  return { nr: syscallNumbers[handler.name], when, pointers, paths, addresses }
}
