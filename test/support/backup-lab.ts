import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import { anywhere } from '../../src/backup/backup-place.ts'
import { backupWork, type BackupResult } from '../../src/backup/backup-work.ts'
import { restoreWork, type RestoreResult } from '../../src/backup/restore-work.ts'
import type { JobProgress, JobRun } from '../../src/core/jobs.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { RedisBackupSource } from '../../src/redis/backup/backup-source.ts'
import { RedisRestoreTarget } from '../../src/redis/backup/restore-target.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { useRedis } from './use-redis.ts'
import { useOnce } from './use.ts'

/** A run as a runner would give it, to be ended by its controllers. */
export class TestRun implements JobRun {
  readonly operator = { actor: 'ada', reason: 'a drill' }
  ratePerSecond = Infinity
  readonly ended = new AbortController()
  readonly cancels = new AbortController()
  readonly told: JobProgress[] = []
  resumeFrom: Readonly<Record<string, unknown>> | undefined
  /** Called whenever something was done. */
  step: (done: number) => Promise<void> | void = () => {}
  readonly id: string

  constructor(id: string) {
    this.id = id
  }

  get signal(): AbortSignal {
    return this.ended.signal
  }

  get cancelled(): AbortSignal {
    return this.cancels.signal
  }

  cancel(): void {
    this.cancels.abort()
    this.ended.abort()
  }

  progress(progress: JobProgress): void {
    this.told.push(progress)
  }

  async checkpoint(state: Readonly<Record<string, unknown>>): Promise<void> {
    this.resumeFrom = state
  }

  async pace(done: number): Promise<void> {
    await this.step(done)
  }
}

export const backupOf = (connection: Connection) => backupWork(new RedisBackupSource(connection), anywhere())
export const restoreTo = (connection: Connection) =>
  restoreWork(new RedisRestoreTarget(connection), anywhere())

type Params = Readonly<Record<string, unknown>>

export interface BackupLab {
  readonly source: Connection
  readonly target: Connection
  readonly sourceServer: TestServer
  readonly targetServer: TestServer
  /** A file of this test alone, which is not there yet. */
  readonly path: string
  backup(params?: Params, run?: TestRun): Promise<BackupResult>
  restore(params?: Params, run?: TestRun): Promise<RestoreResult>
}

/** Two servers, which are empty when a test begins, and a folder. */
export function backupLab(): BackupLab {
  const from = useRedis()
  const to = useRedis()
  const folder = useOnce(
    async () => ({ path: mkdtempSync(join(tmpdir(), 'backup-')) }),
    async ({ path }) => rmSync(path, { recursive: true }),
  )
  let tests = 0
  beforeEach(async () => {
    tests++
    await Promise.all([from, to].map(({ admin }) => admin.send(['FLUSHALL'])))
  })
  const path = () => join(folder.path, `${tests}.millrace`)
  return {
    source: from.admin,
    target: to.admin,
    sourceServer: from.server,
    targetServer: to.server,
    get path() {
      return path()
    },
    async backup(params = {}, run = new TestRun('backup-1')) {
      const work = backupOf(from.admin)
      return (await work.run(await work.check({ path: path(), ...params }), run)) as BackupResult
    },
    async restore(params = {}, run = new TestRun('restore-1')) {
      const work = restoreTo(to.admin)
      return (await work.run(await work.check({ path: path(), ...params }), run)) as RestoreResult
    },
  }
}

/** All that a server holds, as it can be compared: without what depends on its memory, and on when it was asked. */
export async function contentsOf(connection: Connection): Promise<Record<string, unknown>> {
  const contents: Record<string, unknown> = {}
  for (const server of connection.masters())
    for (const key of (await server.send<string[]>(['KEYS', '*'])).sort()) {
      const type = await connection.send<string>(['TYPE', key])
      contents[key] = { type, value: await READ[type]!(connection, key) }
    }
  return contents
}

const READ: Record<string, (connection: Connection, key: string) => Promise<unknown>> = {
  stream: async (connection, key) =>
    comparable(await connection.send(['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'], 60_000, 'bytes')),
  hash: async (connection, key) => inPairs(await connection.send(['HGETALL', key], 60_000, 'bytes')),
  zset: (connection, key) => connection.send(['ZRANGE', key, '0', '-1', 'WITHSCORES']),
  list: (connection, key) => connection.send(['LRANGE', key, '0', '-1']),
  set: async (connection, key) => (await connection.send<string[]>(['SMEMBERS', key])).sort(),
  string: (connection, key) => connection.send(['GET', key]),
}

const inPairs = (flat: readonly Buffer[]): string[] =>
  flat
    .flatMap((name, at) =>
      at % 2 === 0 ? [`${name.toString('latin1')} ${flat[at + 1]!.toString('latin1')}`] : [],
    )
    .sort()

const CHANGING = new Set(['radix-tree-keys', 'radix-tree-nodes', 'seen-time', 'active-time'])

/** Buffers as text of their bytes; of the pending entries without the time of their delivery. */
function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (!Array.isArray(value)) return value
  const parts = value.map(comparable)
  const object: [unknown, unknown][] = []
  if (typeof parts[0] !== 'string' || parts.length % 2 !== 0 || !NAMES.has(parts[0])) return parts
  for (let at = 0; at < parts.length; at += 2) {
    const name = parts[at] as string
    if (CHANGING.has(name)) continue
    object.push([name, name === 'pel' || name === 'pending' ? withoutTimes(parts[at + 1]) : parts[at + 1]])
  }
  return Object.fromEntries(object)
}

/** With which the maps of XINFO begin. */
const NAMES = new Set(['length', 'name'])

const withoutTimes = (rows: unknown): unknown =>
  Array.isArray(rows) ? rows.map((row: unknown[]) => row.filter((_, at) => at !== row.length - 2)) : rows
