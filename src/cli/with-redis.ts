import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { redisEngine, type Engine } from '../engines/engines.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { say, type Io } from './io.ts'
import { VERSION } from './package-info.ts'

export interface RedisFlags {
  /** Given on the command line; it wins over REDIS_URL. */
  redis?: string
}

/** Where the embedded engines live, shared by every command that runs in the same folder. */
export const engineFolder = (io: Io): string => join(io.cwd, '.millrace')

/** Runs a command on the Redis that is configured, else on the embedded one, which it joins or starts. */
export async function withRedis(
  io: Io,
  flags: RedisFlags,
  work: (log: RedisStreamLog) => Promise<void>,
): Promise<void> {
  const { redis } = commandConfig(io, flags)
  let engine: Engine | undefined
  if (!redis)
    engine = await redisEngine({ dir: engineFolder(io), env: io.env, onProgress: (line) => say(io, line) })
  try {
    const log = await RedisStreamLog.open({ ...(redis ?? { url: engine!.url }), clientName: 'millrace-cli' })
    await work(log).finally(() => log.close())
  } finally {
    await engine?.stop()
  }
}

/** A command is no role of the service, so it needs neither the database nor the name that production wants of one. */
export const commandConfig = (io: Io, flags: RedisFlags) =>
  loadConfig(io.env, {
    cwd: io.cwd,
    version: VERSION,
    flags: { ROLES: 'connector', SERVICE_NAME: 'millrace-cli', REDIS_URL: flags.redis },
  })
