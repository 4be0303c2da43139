/**
 * What a kernel writes into its log when something is wrong with it. A test during which it writes any of this has failed,
 * whatever the test itself says.
 */

const patterns: ReadonlyArray<RegExp> = [
  /\bBUG: /,
  /\bkernel BUG at /,
  /\bBUG [\w:.-]+ \(.*\): /, // the allocator's: "BUG kmalloc-64 (Tainted: …): Poison overwritten"
  /\bOops(: |\b.*\[#\d+\])/,
  /\bWARNING: /,
  /\bKernel panic - /,
  /\bgeneral protection fault\b/,
  /\bunable to handle (kernel|page fault)/i,
  /\bdouble fault\b/,
  /\b(soft|hard) lockup\b/i,
  /\brcu(_\w+)?: INFO: /,
  /\bINFO: (rcu_\w+|task .* blocked for more than|possible |suspicious |inconsistent |lockdep|NMI handler)/,
  /\b(possible (circular|recursive) locking|suspicious RCU usage|inconsistent lock state|held lock freed|bad unlock balance|Invalid wait context)\b/i,
  /\bDEBUG_LOCKS_WARN_ON\b/,
  /\bscheduling while atomic\b/,
  /\bsleeping function called from invalid context\b/,
  /\brefcount_t: /,
  /\b(list_add|list_del)( corruption|\w*_debug)/,
  /\bKASAN: |\bUBSAN: |\bKFENCE: |\bKCSAN: /,
  /\bkmemleak: \d+ new suspected/,
  /\bODEBUG: /,
  /\bunregister_netdevice: waiting\b/,
  /\bVFS: (Busy inodes|Close: file count is 0)/,
  /\bstack-protector: /
]

/** The lines of a kernel's log that tell of a fault. */
export const complaints = (log: string): ReadonlyArray<string> =>
  log.split("\n").map((line) => line.trimEnd()).filter((line) => patterns.some((pattern) => pattern.test(line)))
