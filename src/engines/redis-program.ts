import { basename } from 'node:path'

import { REDIS_PACKAGE, unpackedServer, VALKEY_PACKAGE, type DebianPackage } from './debian-package.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { findOnPath } from './path.ts'
import { run } from './run.ts'

const OLDEST_MAJOR = 7

export interface RedisOptions {
  /** Where to look for programs: a PATH. */
  path: string | undefined
  /** The folder in which to unpack Redis, if it has to be fetched. */
  engines: string
  onProgress: (line: string) => void
}

export interface RedisProgram {
  file: string
  env: NodeJS.ProcessEnv
  origin: 'path' | 'package'
  software: string
}

/** `redis-server` or `valkey-server` on the PATH, else the distribution's package. */
export const findRedis = (options: RedisOptions): Promise<RedisProgram> =>
  findServer(['redis-server', 'valkey-server'], REDIS_PACKAGE, options)

/** `valkey-server` on the PATH, else the distribution's package, from its backports if need be. */
export const findValkey = (options: RedisOptions): Promise<RedisProgram> =>
  findServer(['valkey-server'], VALKEY_PACKAGE, options)

async function findServer(
  names: string[],
  wanted: DebianPackage,
  { path, engines, onProgress }: RedisOptions,
): Promise<RedisProgram> {
  const tried: string[] = []
  for (const name of names) {
    try {
      const file = findOnPath(name, path)
      return { file, env: {}, origin: 'path', software: await softwareOf(file) }
    } catch (error) {
      tried.push(`${name} on the PATH: ${toError(error).message}`)
    }
  }
  try {
    const { file, env } = await unpackedServer(wanted, engines, path, softwareOf, onProgress)
    return { file, env, origin: 'package', software: `${await softwareOf(file, env)} (Debian package)` }
  } catch (error) {
    tried.push(`the distribution's package, unpacked under ${engines}: ${toError(error).message}`)
  }
  throw unavailable(wanted.software, tried)
}

/** Throws unless the program runs here and is new enough. */
async function softwareOf(file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const version = /\bv=(\d+)[.\d]*/.exec(await run(file, ['--version'], { env, timeoutMs: 10_000 }))
  if (!version) throw new Error(`${file} does not tell its version`)
  if (Number(version[1]) < OLDEST_MAJOR)
    throw new Error(`${file} is ${version[0]}, older than ${OLDEST_MAJOR}.0`)
  return `${basename(file).startsWith('valkey') ? 'Valkey' : 'Redis'} ${version[0].slice(2)}`
}

function unavailable(software: string, tried: string[]): MillraceError {
  const list = tried.map((line) => `  - ${line.replaceAll('\n', '\n    ')}`).join('\n')
  return new MillraceError(
    'ENGINE_UNAVAILABLE',
    `No ${software} could be had. Tried:\n${list}\n` +
      `Install Redis or Valkey, or point REDIS_URL to one that runs (Redis ${OLDEST_MAJOR}.0 or newer).`,
  )
}
