import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { toError } from '../core/errors.ts'
import { findRedis, findValkey } from './redis-program.ts'
import { redisServer } from './redis.ts'
import { run } from './run.ts'
import type { Server } from './server.ts'
import {
  sharedFolder,
  startInFolder,
  temporaryFolder,
  withArguments,
  type TestServer,
} from './test-server.ts'
import { redisWithTls } from './test-tls.ts'
import type { TestTls } from './tls-files.ts'

export interface TestRedisOptions {
  /** More arguments of the server, such as `['--appendonly', 'yes']`: there is no persistence otherwise. */
  args?: string[]
  /** `valkey` is Valkey on the PATH or from the distribution's packages. Default: `redis`. */
  software?: 'redis' | 'valkey'
  /** It listens with TLS, and with nothing else. */
  tls?: TestTls
}

/** A Redis without persistence, unless its arguments say otherwise. */
export const startTestRedis = ({ tls, ...options }: TestRedisOptions = {}): Promise<TestServer> =>
  startRedis(options, tls && ((server) => redisWithTls(server, tls)))

/** The same, in a shape of its own. */
export function startRedis(
  { args = [], software = 'redis' }: Omit<TestRedisOptions, 'tls'>,
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

/**
 * Whether Redis was built with TLS, for tests that are skipped where it was not, with the reason in their name.
 *
 * @example
 * const { reason } = await findTestTls()
 * describe.skipIf(reason)(`TLS ${reason ?? ''}`, …)
 */
export async function findTestTls(): Promise<{ reason?: string }> {
  try {
    const { file, env, software } = await findRedis(programOptions())
    // No number, so that it never starts: a server without TLS does not even know the option.
    const said = await run(file, ['--tls-port', 'none'], { env, timeoutMs: 10_000 }).catch(
      (error: unknown) => toError(error).message,
    )
    return said.includes('Bad directive') ? { reason: `${software} was built without TLS` } : {}
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
