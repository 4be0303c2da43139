/**
 * A tree of files that is nowhere but in a Map of this program.
 *
 *     node examples/virtual-tree.ts                                      looks at it with ls, grep, find and Python
 *     node examples/virtual-tree.ts ls -lR /virtual                      with a program of yours
 *     rvisor run --handler examples/virtual-tree.ts -- ls -lR /virtual   on the command line
 *
 * Nothing is copied or mounted: the guest's open, stat, readdir and the rest are answered from the Map as it is at that moment. What is
 * opened is a file in memory, so reading and mapping it are the kernel's own. No descriptor of a directory of the host is ever
 * given: no way leads from this tree to anything else.
 */
import { Effect, Stream } from "effect"
import { Command, Plugin, Policy, Sandbox, VirtualTree } from "rvisor"

const poems = new Map([["haiku.txt", "An old silent pond\nA frog jumps into the pond\nSplash! Silence again\n"]])

const files = new Map<string, VirtualTree.Node>([
  ["README", "These files exist only in the memory of another program.\n"],
  ["poems", poems],
  ["data", new Map([["numbers", new Uint8Array(100_000).fill(7)]])]
])

const handlers = VirtualTree.make("/virtual", files)

export default Plugin.make({ name: "virtual-tree", handlers })

const tour = `ls -R /virtual; grep -rn frog /virtual; find /virtual -size +10k; cd /virtual && head -c 11 README && echo
python3 -c 'import os; print(sorted(os.path.join(path, name) for path, _, names in os.walk(".") for name in names))'
echo graffiti > /virtual/README
until cat poems/late.txt 2> /dev/null; do sleep 0.1; done`

if (process.argv[1] === import.meta.filename) {
  const [program, ...args] = process.argv.length > 2 ? process.argv.slice(2) : ["sh", "-c", tour]
  const run = Effect.gen(function*() {
    // An empty directory at that place makes it appear among its neighbours, and one can go there.
    const policy = Policy.default.pipe(Policy.tmpfs("/virtual"), Policy.handlers(...handlers))
    const sandbox = yield* Sandbox.spawn(Command.make(program!, ...args), policy)
    yield* Stream.runForEach(sandbox.all, (bytes) => Effect.sync(() => {
      process.stdout.write(bytes)
      poems.set("late.txt", "This came while the guest was running.\n") // what is put into a map is there for the next open
    }))
  })
  await Effect.runPromise(Effect.scoped(run))
}
