import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { isAlive, ownIdentity } from './processes.ts'

let count = 0

/**
 * Registers one use of an engine: an empty file that says everything in its name, so that it can't hold garbage.
 * A process may use an engine several times. Returns the file, for `endUse`.
 */
export function beginUse(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${ownIdentity}-${++count}`)
  writeFileSync(file, '')
  return file
}

export function endUse(file: string): void {
  rmSync(file, { force: true })
}

/** Whether a living process uses the engine. Sweeps away what dead ones registered. */
export function isInUse(folder: string): boolean {
  const uses = readdirSync(folder)
  const living = uses.filter((name) => isAlive(name.split('-', 2).join('-')))
  for (const name of uses) {
    if (!living.includes(name)) rmSync(join(folder, name), { force: true, recursive: true })
  }
  return living.length > 0
}
