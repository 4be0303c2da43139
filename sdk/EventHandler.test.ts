/** Handlers of events as values: what they are made of, and what is wrong with those that were made without types. */
import { Context, Effect } from "effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as EventHandler from "./EventHandler.ts"
import * as Plugin from "./Plugin.ts"
import * as Policy from "./Policy.ts"

class Log extends Context.Service<Log, { readonly say: (text: string) => void }>()("test/Log") {}

const needy = EventHandler.make("clone", (event) => Effect.map(Log, ({ say }) => say(`${event.how} ${event.childTid}`)))
const plain = EventHandler.make("signal", { deadline: "2 seconds", onFailure: "continue", label: "watch" }, () => Effect.void)

describe("EventHandler", () => {
  it("is data with defaults", () => {
    expect({ ...needy, run: undefined }).toMatchObject({ kind: "clone", label: "clone", deadline: 10_000, onFailure: "kill" })
    expect({ ...plain, run: undefined }).toMatchObject({ kind: "signal", label: "watch", deadline: 2000, onFailure: "continue" })
    expect(EventHandler.isEventHandler(plain)).toBe(true)
    expect(EventHandler.isEventHandler({ kind: "signal" })).toBe(false)
    expect(EventHandler.check(plain)).toEqual([])
  })
  it("what it requires is in its type, its plugin's and its policy's", () => {
    expectTypeOf(needy).toEqualTypeOf<EventHandler.EventHandler<"clone", Log>>()
    expectTypeOf(Policy.make({ handlers: [needy, plain] })).toEqualTypeOf<Policy.Policy<Log>>()
    expectTypeOf(Plugin.make({ name: "p", handlers: [needy] })).toEqualTypeOf<Plugin.Plugin<never, Log>>()
    EventHandler.make("exec", (event) => {
      expectTypeOf(event).toEqualTypeOf<EventHandler.ExecEvent>()
      return Effect.void
    })
    // @ts-expect-error there is no such kind
    EventHandler.make("exot", () => Effect.void)
  })
  it("finds faults", () => {
    const paths = (change: object) => EventHandler.check({ ...plain, ...change }, "handlers[3]").map(({ path }) => path)
    expect(paths({ kind: "exot" })).toEqual(["handlers[3].kind"])
    expect(paths({ deadline: 0, onFailure: "EIO" })).toEqual(["handlers[3].deadline", "handlers[3].onFailure"])
    expect(Plugin.check(Plugin.make({ name: "p", handlers: [{ ...plain, deadline: -1 }] }))[0]?.path).toBe("plugin p.handlers[0].deadline")
  })
  it("tells one after the other, and nobody after one whose failure kills", async () => {
    const said: Array<string> = []
    const event: EventHandler.AnyEvent = { kind: "exec", tid: 2, pid: 2, path: "/bin/true", formerTid: 2 }
    const says = (text: string) => EventHandler.make("exec", () => Effect.sync(() => void said.push(text)))
    const dies = (onFailure: "kill" | "continue") => EventHandler.make("exec", { onFailure }, () => Effect.die(new Error("no")))
    const run = (handlers: ReadonlyArray<EventHandler.Any>) => Effect.runPromise(EventHandler.tell(handlers, event) as Effect.Effect<ReadonlyArray<EventHandler.Failure>>)
    expect((await run([says("a"), dies("continue"), says("b"), dies("kill"), says("c")])).map(({ detail, reason }) => [reason, detail])).toEqual([["threw", "no"], ["threw", "no"]])
    expect(said).toEqual(["a", "b"])
  })
})
