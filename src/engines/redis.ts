import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { ownerOf } from './account.ts'
import { findRedis, type RedisOptions } from './redis-program.ts'
import type { Health, Server } from './server.ts'

const PROBE_MS = 1000

// Off, so that the arguments stay in the process table, where the life cycle finds them.
const KEEP_COMMAND_LINE = ['--set-proc-title', 'no']
/** Reachable from this machine only, and never dropping data to make room. */
const LOCAL_AND_COMPLETE = [
  ['--bind', '127.0.0.1', '--protected-mode', 'yes'],
  ['--maxmemory-policy', 'noeviction', '--save', ''],
].flat()

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--aof-load-truncated', 'yes']

export function redisServer(dir: string, options: RedisOptions): Server {
  const dataDir = join(dir, 'redis')
  return {
    name: 'Redis',
    dataDir,
    logFile: join(dir, 'redis.log'),
    stateFile: join(dir, 'redis.json'),
    place: ['--dir', dataDir, '--port'],
    stopSignal: 'SIGTERM',
    async prepare() {
      const { file, env, origin, software } = await findRedis(options)
      mkdirSync(dataDir, { recursive: true })
      const args = [...LOCAL_AND_COMPLETE, ...DURABLE, ...KEEP_COMMAND_LINE]
      return { file, args, env, account: ownerOf(dataDir), origin, software }
    },
    probe: probeRedis,
    url: (port) => `redis://127.0.0.1:${port}`,
  }
}

/** Without a client library: this runs at every start, before anything else is loaded. */
function probeRedis(pid: number, port: number): Promise<Health> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\n'))
    const settle = (health: Health): void => {
      socket.destroy()
      resolve(health)
    }
    let reply = ''
    socket.setTimeout(PROBE_MS, () => settle('silent'))
    socket.on('error', () => settle('silent'))
    socket.on('close', () => settle('silent'))
    socket.on('data', (chunk) => {
      reply += chunk
      const health = healthIn(reply, pid)
      if (health) settle(health)
    })
  })
}

/** Undefined while the reply is not complete. */
function healthIn(reply: string, pid: number): Health | undefined {
  const answering = /\nprocess_id:(\d+)\r/.exec(reply)
  if (!answering) return undefined
  // Another server may hold the port, while ours is about to find out.
  if (Number(answering[1]) !== pid) return 'silent'
  return reply.startsWith('+PONG') ? 'ready' : 'starting'
}
