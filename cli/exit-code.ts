/**
 * The exit codes of `rvisor`. Those of `run` follow what `docker run` and `env` do, so that scripts need no table of their own.
 *
 * | code  | meaning |
 * |-------|---------|
 * | guest's own | the program ended by itself |
 * | 128+n | signal n ended the program |
 * | 137   | the sandbox ended the program (a limit, a forbidden system call); stderr says why |
 * | 125   | rvisor refused, or could not set the sandbox up: nothing ran |
 * | 126   | the program exists and cannot be executed |
 * | 127   | no such program in the sandbox |
 * | 2     | the command line is wrong: nothing ran |
 *
 * A program may use 2, 125, 126 and 127 itself; `--json` tells the two apart.
 */
import type { ChangesError, SandboxError, SpawnError } from "../sdk/errors.ts"

export const OK = 0
/** `doctor` and `policy check`: the answer is no. */
export const NO = 1
export const USAGE = 2
export const REFUSED = 125
export const NOT_EXECUTABLE = 126
export const NOT_FOUND = 127

/** 128 + the number of a signal. */
export const ofSignal = (signal: number): number => 128 + signal

/** The code for a sandbox that could not be started, or broke. */
export const ofError = (error: SpawnError | SandboxError | ChangesError): number => {
  if (error._tag !== "SetupError" || error.step !== "exec") return REFUSED
  return error.errno === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE
}
