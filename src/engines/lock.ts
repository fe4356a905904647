import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { MillraceError } from '../core/errors.ts'
import { isAlive, ownIdentity } from './processes.ts'

const FREE = 'free'
// A reader that lists the folder while numbers move on must still find one of the latest.
const KEPT_GENERATIONS = 4

export interface LockOptions {
  /** Called once, with the holder's pid, when somebody else holds the lock. */
  onWait?: (pid: string) => void
  timeoutMs?: number
}

/**
 * Runs `work` while no other process runs its own under the same `folder`; the lock of a dead process counts as free.
 *
 * The lock is a row of numbered symbolic links, of which the highest says who holds it: its target is the holder's
 * identity, or "free". Whoever creates the next number is the next holder. Removing a stale lock file and creating a
 * new one would be two steps, between which two processes can both become the holder; here taking over and letting go
 * are one step each, and a symbolic link is there with its content or not at all.
 */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const held = await acquire(folder, options)
  try {
    return await work()
  } finally {
    advance(folder, held + 1, FREE)
  }
}

async function acquire(folder: string, { onWait, timeoutMs = 600_000 }: LockOptions): Promise<number> {
  const deadline = Date.now() + timeoutMs
  for (let told = false; ;) {
    const latest = latestGeneration(folder)
    const holder = livingHolder(folder, latest)
    if (!holder && advance(folder, latest + 1, ownIdentity)) return latest + 1
    if (holder && !told) onWait?.(pidOf(holder))
    told ||= holder !== undefined
    if (Date.now() > deadline) {
      throw new MillraceError(
        'ENGINE_LOCKED',
        `${folder} is locked by process ${pidOf(holder)} since too long`,
      )
    }
    await delay(20)
  }
}

/** Creates a generation, unless somebody else was faster. */
function advance(folder: string, generation: number, holder: string): boolean {
  const link = join(folder, String(generation))
  try {
    symlinkSync(holder, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  // What we had listed may have been long ago: then this number came, went and was swept, and is not the latest.
  if (latestGeneration(folder) !== generation) {
    rmSync(link, { force: true })
    return false
  }
  sweep(folder, generation - KEPT_GENERATIONS)
  return true
}

function livingHolder(folder: string, generation: number): string | undefined {
  try {
    const target = readlinkSync(join(folder, String(generation)))
    return target !== FREE && isAlive(target) ? target : undefined
  } catch {
    return undefined // none yet, swept just now, or not one of our links
  }
}

function generations(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d{1,15}$/.test(name))
    .map(Number)
}

const latestGeneration = (folder: string): number => Math.max(0, ...generations(folder))

function sweep(folder: string, below: number): void {
  for (const generation of generations(folder)) {
    if (generation < below) rmSync(join(folder, String(generation)), { force: true, recursive: true })
  }
}

const pidOf = (identity = '?'): string => identity.split('-')[0]!
