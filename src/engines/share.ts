import { join } from 'node:path'

import { keepAlive } from './keep-alive.ts'
import { findRunning, startServer, stopServer, type Running } from './launch.ts'
import { withLock } from './lock.ts'
import { findProcesses } from './processes.ts'
import type { Launch, Server } from './server.ts'
import { beginUse, endUse, isInUse } from './uses.ts'

/** A server that is ready to be used, until `stop`. */
export interface Engine {
  url: string
  /** Where it came from; "running" when it ran already. */
  origin: Launch['origin'] | 'environment' | 'running'
  /** For people: software, version and where the data is. */
  detail: string
  /** Ends this use; with the last one the engine stops, and is gone when this resolves. */
  stop(): Promise<void>
}

/**
 * Joins the engine that runs on the server's data, or starts it. Every process registers its use; the engine outlives
 * a process that dies without `stop`, and the next one that comes adopts it. While it is used, a dead engine is started
 * again on its port.
 */
export async function shareEngine(
  server: Server,
  dir: string,
  onProgress: (line: string) => void,
): Promise<Engine> {
  const uses = join(dir, 'users', server.name.toLowerCase())
  const locked = <T>(work: () => Promise<T>): Promise<T> =>
    withLock(join(dir, 'locks', server.name.toLowerCase()), work, {
      onWait: (pid) =>
        onProgress(`Waiting for process ${pid}, which is starting or stopping ${server.name} …`),
    })
  const ensure = (): Promise<Running & { launch?: Launch }> =>
    locked(async () => (await findRunning(server)) ?? (await startServer(server)))

  const use = beginUse(uses)
  const engine = await ensure().catch((error: unknown) => {
    endUse(use)
    throw error
  })
  const guard = keepAlive(server, engine, ensure, onProgress)
  const stop = async (): Promise<void> => {
    await guard.stop()
    await locked(async () => {
      endUse(use)
      if (!isInUse(uses)) await stopAll(server)
    })
  }
  let stopped: Promise<void> | undefined
  return {
    url: server.url(engine.port),
    origin: engine.launch?.origin ?? 'running',
    detail: `${engine.launch?.software ?? server.name}, process ${engine.pid}, data in ${server.dataDir}`,
    stop: () => (stopped ??= stop()),
  }
}

async function stopAll(server: Server): Promise<void> {
  for (const { identity } of findProcesses(` ${server.place.join(' ')} `)) await stopServer(server, identity)
}
