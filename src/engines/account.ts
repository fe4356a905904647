import { statSync } from 'node:fs'

import { run } from './run.ts'

/** Whom a program runs as. */
export interface Account {
  uid: number
  gid: number
}

const NOBODY: Account = { uid: 65_534, gid: 65_534 }

const isRoot = (): boolean => process.getuid?.() === 0

/**
 * PostgreSQL refuses to run as root: then it runs as whoever owns the data already, else as `postgres` where there is
 * such a user, else as `nobody`. Undefined stands for ourselves.
 */
export async function postgresAccount(dataDir: string): Promise<Account | undefined> {
  if (!isRoot()) return undefined
  return ownerOf(dataDir) ?? (await accountOf('postgres')) ?? (await accountOf('nobody')) ?? NOBODY
}

/** As root, who owns a folder that is not root's own: what is written there must stay usable for them. */
export function ownerOf(path: string): Account | undefined {
  const owner = isRoot() ? statSync(path, { throwIfNoEntry: false }) : undefined
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : undefined
}

/** Whether the account gets at the folder. */
export async function reaches(account: Account, folder: string): Promise<boolean> {
  return run('/bin/sh', ['-c', 'cd "$0"', folder], account).then(
    () => true,
    () => false,
  )
}

async function accountOf(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
    return { uid: Number(uid), gid: Number(gid) }
  } catch {
    return undefined
  }
}
