import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Makes a folder whose path starts with `prefix` and sweeps away those that killed processes left half done. The name
 * is new each time, because programs that they had started may still be writing into theirs.
 */
export function freshFolder(prefix: string): string {
  const parent = dirname(prefix)
  for (const name of readdirSync(parent).filter((name) => name.startsWith(basename(prefix)))) {
    rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 5 })
  }
  return mkdtempSync(prefix)
}
