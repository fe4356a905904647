import { createClient } from '@redis/client'
import { insist } from './insist.ts'
import type { Send } from './topologies/topology.ts'

/** Not sent twice by accident: what these do counts. Anything else may be asked again. */
const ONCE = new Set(['EVAL', 'FLUSHALL', 'DEL'])

/** A connection of the run's own to one server: not through a proxy, and not by what is under test. */
export class Admin {
  readonly #client

  private constructor(url: string) {
    this.#client = createClient({
      url,
      RESP: 2,
      name: 'torture',
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      socket: { reconnectStrategy: 100 },
    })
    this.#client.on('error', () => {}) // the servers are broken on purpose
  }

  static async open(url: string): Promise<Admin> {
    const admin = new Admin(url)
    await admin.#client.connect()
    return admin
  }

  /** Raw replies, from one attempt. */
  ask<T>(args: readonly string[]): Promise<T> {
    return this.#client.sendCommand<T>(args)
  }

  /** The same, and waits while the server is away. */
  async send<T>(args: readonly string[]): Promise<T> {
    const call = () => this.ask<T>(args)
    if (ONCE.has(args[0]!)) {
      await insist(() => this.#client.sendCommand(['PING']))
      return call()
    }
    const end = performance.now() + 60_000
    return insist(call, () => performance.now() > end)
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy()
  }
}

export async function allKeys(send: Send): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  do {
    const [next, page] = await send<[string, string[]]>(['SCAN', cursor, 'COUNT', '1000'])
    keys.push(...page)
    cursor = next
  } while (cursor !== '0')
  return keys
}

/** Who is connected, a line each. */
export const allClients = async (send: Send): Promise<string[]> =>
  (await send<string>(['CLIENT', 'LIST'])).trim().split('\n')
