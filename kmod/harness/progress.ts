/** What takes longer than a moment is told on stderr, as in `build.ts`: what it is, and then how long it took. */

/** Runs `action` beneath a line of its own. */
export const step = async <A>(title: string, action: () => Promise<A>): Promise<A> => {
  const started = performance.now()
  process.stderr.write(`· ${title} …`)
  try {
    const result = await action()
    process.stderr.write(` ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
    return result
  } catch (error) {
    process.stderr.write("\n")
    throw error
  }
}
