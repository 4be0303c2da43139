/** Where things lie: the checkout, and the directory beneath it that the harness may fill. */
import { join, resolve } from "node:path"

export const root = resolve(import.meta.dirname, "../..")
export const cache = join(root, ".cache/kmod")
