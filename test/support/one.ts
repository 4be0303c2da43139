/**
 * A host program for tests that must run in a process of their own: `node one.ts '{"argv": […], "policy": {…}, "env": {…}}'` runs one
 * command and prints one JSON object, `{outcome, layers, stdout, stderr}` or `{error}`.
 */
import { Effect, Fiber } from "effect"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import "./backend.ts"
import { text } from "./stream.ts"

const request = JSON.parse(process.argv[2]!) as { argv: Array<string>; policy?: unknown; cwd?: string; env?: Record<string, string> }

const program = Effect.gen(function*() {
  const policy = yield* Policy.decode(request.policy ?? {})
  const command = Command.set(Command.make(request.argv[0]!, ...request.argv.slice(1)), {
    stdin: "ignore",
    env: request.env ?? {},
    ...(request.cwd === undefined ? {} : { cwd: request.cwd })
  })
  const sandbox = yield* Sandbox.spawn(command, policy)
  const stdout = yield* Effect.forkScoped(text(sandbox.stdout))
  const stderr = yield* Effect.forkScoped(text(sandbox.stderr))
  const outcome = yield* sandbox.exit
  return { outcome, layers: sandbox.layers, stdout: yield* Fiber.join(stdout), stderr: yield* Fiber.join(stderr) }
}).pipe(Effect.scoped, Effect.catch((error) => Effect.succeed({ error: { ...error, message: error.message } })))

console.log(JSON.stringify(await Effect.runPromise(program)))
