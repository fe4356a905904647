import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { toError } from '../core/errors.ts'
import type { Running } from './launch.ts'
import { isAlive } from './processes.ts'
import type { Server } from './server.ts'

const CHECK_MS = 1000

/** Calls `ensure` whenever the engine's process is gone, until stopped. Never keeps our own process alive. */
export function keepAlive(
  server: Server,
  engine: Running,
  ensure: () => Promise<Running>,
  onProgress: (line: string) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let { identity } = engine

  const check = async (): Promise<void> => {
    // Without its folder there is nothing to come back to: somebody cleared it away on purpose.
    if (isAlive(identity) || !existsSync(server.dataDir)) return
    onProgress(`${server.name} has died: starting it again …`)
    const revived = await ensure()
    identity = revived.identity
    if (revived.port !== engine.port) {
      onProgress(
        `${server.name} had to move to ${server.url(revived.port)}: restart what uses the old address`,
      )
    }
  }
  const watch = async (): Promise<void> => {
    while (await pause(stopping.signal)) {
      await check().catch((error: unknown) => onProgress(toError(error).message))
    }
  }
  const watching = watch()
  return {
    stop() {
      stopping.abort()
      return watching
    },
  }
}

/** Resolves with whether to go on. */
function pause(signal: AbortSignal): Promise<boolean> {
  return delay(CHECK_MS, true, { ref: false, signal }).catch(() => false)
}
