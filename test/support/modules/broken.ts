/** A plugin whose layer cannot be built. */
import { Effect, Layer } from "effect"
import * as Plugin from "../../../sdk/Plugin.ts"
import { Name, named } from "./box.ts"

export default Plugin.make({ name: "broken", handlers: [named], layer: Layer.effect(Name, Effect.die(new Error("no name to be had"))) })
