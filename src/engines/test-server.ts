import { setTimeout as sleep } from 'node:timers/promises'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startServer, stopServer, type Running } from './launch.ts'
import { signal, untilGone } from './processes.ts'
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

/** Starts a server in that folder, which is removed with it. */
export async function startInFolder(dir: string, server: Server): Promise<TestServer> {
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
      running = await insist(start)
    },
    async stop() {
      await halt()
      await supervised.end()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const RESTARTS = 5
const RESTART_PAUSE_MS = 1_000

/** While it was down, a connection of any process may have got its port, or that of its cluster bus, for a while. */
async function insist(start: () => Promise<Running>): Promise<Running> {
  for (let attempt = 1; attempt < RESTARTS; attempt++) {
    try {
      return await start()
    } catch {
      await sleep(RESTART_PAUSE_MS)
    }
  }
  return start()
}

/** Starts several at once: all of them, or none stays behind. */
export async function startTogether(starts: Promise<TestServer>[]): Promise<TestServer[]> {
  const results = await Promise.allSettled(starts)
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (!failed) return started
  await endTogether(started)
  throw failed.reason
}

/** Without a clean stop of each, in which a master would wait for replicas that are gone or suspended. */
export async function endTogether(servers: readonly TestServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.kill('SIGKILL')))
  await Promise.all(servers.map((server) => server.stop()))
}

/** Does what is left to do with servers that were just started; they end when it fails. */
export async function orEnd<T>(servers: readonly TestServer[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await endTogether(servers)
    throw error
  }
}

/** What has to be fetched or copied is kept for the next run, beside what `npm start` keeps. */
export function sharedFolder(): string {
  const folder = join(process.cwd(), '.millrace')
  mkdirSync(folder, { recursive: true })
  return folder
}

export const temporaryFolder = (name: string): string =>
  realpathSync(mkdtempSync(join(tmpdir(), `millrace-test-${name}-`)))

export function withArguments(server: Server, more: string[]): Server {
  return {
    ...server,
    async prepare() {
      const launch = await server.prepare()
      return { ...launch, args: [...launch.args, ...more] }
    },
  }
}
