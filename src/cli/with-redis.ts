import { join } from 'node:path'
import { redisEngine, type Engine } from '../engines/engines.ts'
import type { KeyRing } from '../middleware/key-ring.ts'
import { RedisStreamLog, type RedisLogOptions } from '../redis/redis-log.ts'
import { say, type Io } from './io.ts'
import { serviceKeyRing } from './service/encryption.ts'
import { redisTls } from './service/tls.ts'
import { readCommandConfig, type ConfigFlags } from './service-config.ts'

export type RedisFlags = Pick<ConfigFlags, 'config' | 'redis'>

/** Where the embedded engines live, shared by every command that runs in the same folder. */
export const engineFolder = (io: Io): string => join(io.cwd, '.millrace')

/**
 * Runs a command on the Redis that is configured, else on the embedded one, which it joins or starts. With the keys for
 * data at rest, where there are any.
 */
export async function withRedis(
  io: Io,
  flags: RedisFlags,
  work: (log: RedisStreamLog, ring: KeyRing | undefined) => Promise<void>,
  options: Omit<RedisLogOptions, 'url' | 'sentinel' | 'cluster'> = {},
): Promise<void> {
  const { config } = await readCommandConfig(io, flags)
  const { redis } = config
  for (const warning of config.warnings) say(io, `warning: ${warning}`)
  let engine: Engine | undefined
  if (!redis)
    engine = await redisEngine({ dir: engineFolder(io), env: io.env, onProgress: (line) => say(io, line) })
  try {
    const place = redis ?? { url: engine!.url }
    const access = { ...place, ...redisTls(config) }
    const log = await RedisStreamLog.open({ clientName: 'millrace-cli', ...options, ...access })
    await work(log, serviceKeyRing(config.security.encryptionKeys)).finally(() => log.close())
  } finally {
    await engine?.stop()
  }
}
