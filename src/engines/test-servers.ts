import { chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { postgresAccount } from './account.ts'
import { startServer, stopServer, type Running } from './launch.ts'
import { postgresHome } from './postgres-home.ts'
import { postgresServer } from './postgres.ts'
import { signal, untilGone } from './processes.ts'
import { redisServer } from './redis.ts'
import type { Server } from './server.ts'
import { supervisor } from './supervisor.ts'

/** A throw-away server in a folder of its own. It ends with the process that started it, however that ends. */
export interface TestServer {
  readonly url: string
  readonly port: number
  /** Changes with a restart. */
  readonly pid: number
  readonly dir: string
  /** Sends a signal; one that ends a server is waited for. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again, with the same port and data, after a clean stop if it still runs. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

const NOT_ENDING = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGCONT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])

/** A Redis without persistence, unless `args` such as `['--appendonly', 'yes']` say otherwise. */
export async function startTestRedis({ args = [] }: { args?: string[] } = {}): Promise<TestServer> {
  const dir = temporaryFolder('redis')
  const engines = join(sharedFolder(), 'engines')
  const server = redisServer(dir, { path: process.env['PATH'], engines, onProgress: say })
  return testServer(dir, withArguments(server, ['--appendonly', 'no', ...args]))
}

/** A PostgreSQL that does not wait for the disk. */
export async function startTestPostgres(): Promise<TestServer> {
  const dir = temporaryFolder('postgres')
  const account = await postgresAccount(join(dir, 'postgres'))
  if (account) chownSync(dir, account.uid, account.gid)
  const { folder } = await postgresHome(sharedFolder())
  const server = await postgresServer(dir, { engines: join(folder, 'engines'), onProgress: () => {} })
  return testServer(dir, withArguments(server, ['-c', 'fsync=off']))
}

async function testServer(dir: string, server: Server): Promise<TestServer> {
  const supervised = supervisor()
  const start = (): Promise<Running> => startServer(server, supervised.spawn)
  const halt = (): Promise<void> => stopServer(server, running.identity)
  let running = await start().catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true })
    throw error
  })
  return {
    url: server.url(running.port),
    port: running.port,
    get pid() {
      return running.pid
    },
    dir,
    async kill(name) {
      signal(running.pid, name)
      if (!NOT_ENDING.has(name)) await untilGone(running.identity, 10_000)
    },
    async restart() {
      await halt()
      running = await start()
    },
    async stop() {
      await halt()
      await supervised.end()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What has to be fetched or copied is kept for the next run, beside what `npm start` keeps. */
function sharedFolder(): string {
  const folder = join(process.cwd(), '.millrace')
  mkdirSync(folder, { recursive: true })
  return folder
}

const say = (line: string): boolean => process.stderr.write(`${line}\n`)

const temporaryFolder = (name: string): string =>
  realpathSync(mkdtempSync(join(tmpdir(), `millrace-test-${name}-`)))

function withArguments(server: Server, more: string[]): Server {
  return {
    ...server,
    async prepare() {
      const launch = await server.prepare()
      return { ...launch, args: [...launch.args, ...more] }
    },
  }
}
