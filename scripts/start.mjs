/**
 * `npm start`: builds what is not built yet, then shows rvisor at its main job: a real command in a sandbox under the default
 * policy, which tells what it sees, tries what it must not, and is told afterwards what it used.
 */
import { spawnSync } from "child_process"
import { homedir } from "os"
import { join } from "path"
import { root } from "./host.mjs"
import { pinned, setup } from "./setup.mjs"

const script = `echo "I am     $(id -un) (uid $(id -u)) on $(uname -n), and my home is $HOME"
echo "I see    $(echo /*)"
echo "         $(ls -d /proc/[0-9]* | wc -l) processes, network interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1 | xargs)"
echo "I write  $(echo 'my own notes' > /tmp/notes && cat /tmp/notes) into a /tmp of my own"
echo "I try    $(cat /etc/shadow 2>&1)"
echo "         $(touch /usr/bin/evil 2>&1)"
echo "         $(ls "${homedir()}" 2>&1)"`

setup()
const built = spawnSync(pinned.bun, ["build.ts"], { cwd: root, stdio: "inherit" })
if (built.status !== 0) process.exit(1)

console.log(`\n$ rvisor run --verbose --timeout 10s -- sh -c '\n${script}'\n`)
const ran = spawnSync(join(root, "dist/rvisor"), ["run", "--verbose", "--timeout", "10s", "--", "sh", "-c", script], { cwd: root, stdio: "inherit" })
if (ran.status !== 0) {
  console.log("\nThe sandbox did not run on this machine. What it lacks, and how to get it, says:\n\n  dist/rvisor doctor")
  process.exit(1)
}
console.log(`
Nothing of that run is left on this machine. Next:

  dist/rvisor run --write . -- COMMAND         your own command, allowed to write to this directory
  dist/rvisor run --help                       every flag; they carry the policy's own names
  dist/rvisor doctor                           what this machine can enforce
  npm test                                     all tests`)
