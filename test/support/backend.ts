/**
 * The backend under test: RVISOR_BACKEND, `ptrace` without it. Whatever starts sandboxes for a suite imports this, programs that suites start
 * too: the variable is inherited.
 */
import { setAutomatic } from "../../sdk/internal/backend.ts"

const wanted = process.env["RVISOR_BACKEND"]
if (wanted !== undefined && wanted !== "ptrace" && wanted !== "kmod") throw new Error(`RVISOR_BACKEND is ${wanted}, neither ptrace nor kmod`)

export const backend = wanted ?? "ptrace"
setAutomatic(backend)
