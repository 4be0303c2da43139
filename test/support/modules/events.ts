import { Effect } from "effect"
import * as EventHandler from "../../../sdk/EventHandler.ts"

export default [
  EventHandler.make("exit", (event) => event.code === 5 ? Effect.die(new Error("five")) : Effect.void),
  EventHandler.make("signal", () => Effect.void)
]
