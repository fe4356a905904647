import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { toError } from '../core/errors.ts'
import { findRedis, findValkey } from './redis-program.ts'
import { redisServer } from './redis.ts'
import type { Server } from './server.ts'
import {
  sharedFolder,
  startInFolder,
  temporaryFolder,
  withArguments,
  type TestServer,
} from './test-server.ts'

export interface TestRedisOptions {
  /** More arguments of the server, such as `['--appendonly', 'yes']`: there is no persistence otherwise. */
  args?: string[]
  /** `valkey` is Valkey on the PATH or from the distribution's packages. Default: `redis`. */
  software?: 'redis' | 'valkey'
}

/** A Redis without persistence, unless its arguments say otherwise. */
export const startTestRedis = (options: TestRedisOptions = {}): Promise<TestServer> => startRedis(options)

/** The same, in a shape of its own. */
export function startRedis(
  { args = [], software = 'redis' }: TestRedisOptions,
  shape: (server: Server) => Server = (server) => server,
): Promise<TestServer> {
  const dir = temporaryFolder(software)
  const find = software === 'valkey' ? findValkey : findRedis
  const server = redisServer(dir, programOptions(), find)
  return startInFolder(dir, withArguments(shape(server), ['--appendonly', 'no', ...args]))
}

/** Run from a configuration file, which the server itself rewrites when it is given another role. */
export function withConfiguration(server: Server, lines: string[]): Server {
  const file = join(server.dataDir, 'server.conf')
  return {
    ...server,
    place: [file, ...server.place],
    async prepare() {
      const launch = await server.prepare()
      if (!existsSync(file)) writeFileSync(file, `${lines.join('\n')}\n`)
      return launch
    },
  }
}

/**
 * Whether `software: 'valkey'` can be had, for tests that are skipped where it can't, with the reason in their name.
 *
 * @example
 * const valkey = await findTestValkey()
 * test.skipIf(!valkey.software)(`on ${valkey.software ?? `Valkey: ${valkey.reason}`}`, …)
 */
export async function findTestValkey(): Promise<
  { software: string; reason?: never } | { software?: never; reason: string }
> {
  try {
    const { software } = await findValkey(programOptions())
    return { software }
  } catch (error) {
    return { reason: toError(error).message }
  }
}

/** Where programs are looked for, and kept once they were fetched. */
const programOptions = () => ({
  path: process.env['PATH'],
  engines: join(sharedFolder(), 'engines'),
  onProgress: (line: string) => void process.stderr.write(`${line}\n`),
})
