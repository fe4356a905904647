import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { ownerOf } from './account.ts'
import { askRedis, infoOf, ReplyError } from './ask-redis.ts'
import { findRedis, type RedisOptions, type RedisProgram } from './redis-program.ts'
import type { Health, Server } from './server.ts'
import type { TestTls } from './tls-files.ts'

// Off, so that the arguments stay in the process table, where the life cycle finds them.
export const KEEP_COMMAND_LINE = ['--set-proc-title', 'no']
/** Reachable from this machine only, and never dropping data to make room. */
const LOCAL_AND_COMPLETE = [
  ['--bind', '127.0.0.1', '--protected-mode', 'yes'],
  ['--maxmemory-policy', 'noeviction', '--save', ''],
].flat()

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--aof-load-truncated', 'yes']

export function redisServer(
  dir: string,
  options: RedisOptions,
  find: (options: RedisOptions) => Promise<RedisProgram> = findRedis,
): Server {
  const dataDir = join(dir, 'redis')
  return {
    name: 'Redis',
    dataDir,
    logFile: join(dir, 'redis.log'),
    stateFile: join(dir, 'redis.json'),
    place: ['--dir', dataDir, '--port'],
    stopSignal: 'SIGTERM',
    async prepare() {
      const { file, env, origin, software } = await find(options)
      mkdirSync(dataDir, { recursive: true })
      const args = [...LOCAL_AND_COMPLETE, ...DURABLE, ...KEEP_COMMAND_LINE]
      return { file, args, env, account: ownerOf(dataDir), origin, software }
    },
    probe: (pid, port) => probeRedis(pid, port),
    url: (port) => `redis://127.0.0.1:${port}`,
  }
}

export async function probeRedis(pid: number, port: number, tls?: TestTls): Promise<Health> {
  try {
    // Another server may hold the port, while ours is about to find out.
    if ((await infoOf(port, 'server', tls)).get('process_id') !== String(pid)) return 'silent'
    await askRedis(port, ['PING'], undefined, tls)
    return 'ready'
  } catch (error) {
    return error instanceof ReplyError ? 'starting' : 'silent'
  }
}
