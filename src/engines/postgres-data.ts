import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Account } from './account.ts'
import { freshFolder } from './fresh-folder.ts'
import type { PostgresPrograms } from './postgres-program.ts'
import { run } from './run.ts'

export const DATABASE = 'redis_streams_db'

/**
 * A folder of PostgreSQL's data, while no server runs on it. With the account of a server that listens on the loopback
 * interface only and asks everybody for the password.
 */
export interface PostgresData {
  folder: string
  programs: PostgresPrograms
  account: Account | undefined
}

export const newPassword = (): string => randomBytes(24).toString('base64url')

export const isInitialised = (folder: string): boolean => existsSync(join(folder, 'PG_VERSION'))

/** Renamed into place as the last step: data that is there is complete. */
export async function initialise({ folder, programs, account }: PostgresData): Promise<void> {
  const work = freshFolder(`${folder}.new-`)
  if (account) chownSync(work, account.uid, account.gid)
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const args = ['-D', work, '--username=postgres', '--auth=trust', '--no-instructions', ...locale]
  await run(programs.initdb, args, { ...account, env: { LC_ALL: 'C' } })
  // Not by initdb, which would want the password in a file; nobody gets in without one either way.
  writeFileSync(join(work, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n')
  renameSync(work, folder)
}

/**
 * Sets the password, and creates the database if there is none, in a session that needs neither a running server nor
 * the old password.
 */
export async function setPassword(
  { folder, programs, account }: PostgresData,
  password: string,
): Promise<void> {
  const statements = `ALTER ROLE postgres PASSWORD '${password}';\nCREATE DATABASE ${DATABASE};\n`
  const env = { LC_ALL: 'C', ...crashRecovery(folder) }
  await run(programs.postgres, ['--single', '-D', folder, 'postgres'], { ...account, env, input: statements })
}

/**
 * What lets PostgreSQL start although the file postmaster.pid of a killed server is there. It mostly copes by itself,
 * but refuses when another process got the pid in the meantime, or when the file holds garbage. The variable tells it
 * that the pid is not a server's; that no child of the killed server is left it still makes sure of itself.
 */
export function crashRecovery(folder: string): NodeJS.ProcessEnv {
  const file = join(folder, 'postmaster.pid')
  if (!existsSync(file)) return {}
  const pid = Math.abs(Number.parseInt(readFileSync(file, 'utf8'), 10))
  if (pid > 0) return { PG_GRANDPARENT_PID: String(pid) }
  rmSync(file, { force: true })
  return {}
}
