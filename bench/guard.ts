/**
 * What a benchmark has started ends with it, by whatever end: a server that goes on would hold its port, and the next run finds it in use. Nothing can
 * be done by a process that is killed, so a second one watches: a shell in a session of its own, which reads from a pipe whose other end
 * nobody but this process has. When that is closed it ends all that it was told of, with everything below; it costs no time until then.
 */
import { type ChildProcess, spawn } from "node:child_process"

/** Lines are `+PID` and `-PID`. A process is stopped before its children are listed, so that it makes no more of them. */
const script = `
end() {
  kill -STOP "$1"
  for each in $(cat /proc/"$1"/task/*/children); do end "$each"; done
  kill -KILL "$1"
}
all=
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) all="$all $pid " ;;
    -*) all="\${all%% $pid *} \${all#* $pid }" ;;
  esac
done
for each in $all; do end "$each"; done
`

let guard: ChildProcess | undefined

const tell = (line: string): void => {
  if (guard === undefined) {
    guard = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true })
    guard.unref()
    const pipe = guard.stdin as unknown as { readonly unref: () => void }
    pipe.unref()
    guard.stdin!.on("error", () => {})
  }
  guard.stdin!.write(`${line}\n`)
}

/** Has a process end with this one, until it has ended by itself. */
export const guarded = <A extends ChildProcess>(child: A): A => {
  const { pid } = child
  if (pid !== undefined) {
    tell(`+${pid}`)
    child.once("exit", () => tell(`-${pid}`))
  }
  return child
}
