/** TCP ports of this machine, for servers that tests start. */
import { execFileSync } from "node:child_process"
import { connect } from "node:net"

/** One that nobody listens on at this moment. */
export const freePort = (): number => {
  const script = "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})"
  return Number(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }))
}

/** Until a server listens there; rejects after ten seconds. */
export const listening = async (port: number): Promise<void> => {
  for (let attempt = 0; attempt < 400; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true) })
      socket.on("error", () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`nothing listens on port ${port}`)
}
