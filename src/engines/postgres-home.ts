import { createHash } from 'node:crypto'
import { chownSync, mkdtempSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

import { withLock } from './lock.ts'
import { postgresAccount, reaches, type Account } from './account.ts'

export interface PostgresHome {
  /** Holds the data, and the binaries where they had to be copied. */
  folder: string
  account: Account | undefined
}

/**
 * Where PostgreSQL lives: in `dir`, unless we are root and the account that it has to run as does not get there (a
 * checkout below /root, say). Then it is a folder of that account's own in /var/tmp, and the link `dir/elsewhere` leads
 * there: what /var/tmp loses, PostgreSQL loses.
 */
export async function postgresHome(dir: string): Promise<PostgresHome> {
  const account = await postgresAccount(join(dir, 'postgres'))
  if (!account) return { folder: dir, account }
  const link = join(dir, 'elsewhere')
  if (belongsTo(link, account)) return { folder: readlinkSync(link), account }
  if (await reaches(account, dir)) return { folder: dir, account }
  const folder = await withLock(join(dir, 'locks', 'elsewhere'), async () =>
    belongsTo(link, account) ? readlinkSync(link) : makeElsewhere(dir, link, account),
  )
  return { folder, account }
}

function makeElsewhere(dir: string, link: string, { uid, gid }: Account): string {
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 12)
  const folder = mkdtempSync(`/var/tmp/millrace-${name}-`)
  chownSync(folder, uid, gid)
  rmSync(link, { force: true })
  symlinkSync(folder, link)
  return folder
}

/** Anybody may make folders in /var/tmp: trust only what nobody else could have written to. */
function belongsTo(folder: string, { uid }: Account): boolean {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found !== undefined && found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0
}
