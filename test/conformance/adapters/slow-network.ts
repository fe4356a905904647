import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LATENCY_MS = 1
/** How much of what came together is torn into single bytes, before the rest follows whole. */
const TORN_BYTES = 24

export interface SlowNetwork {
  readonly url: string
  stop(): Promise<void>
}

/** A network before a server that is late, and that tears apart what was sent together; nothing gets lost. */
export async function startSlowNetwork(port: number): Promise<SlowNetwork> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port })
    for (const socket of [client, upstream]) sockets.add(socket.setNoDelay(true))
    carry(client, upstream)
    carry(upstream, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Brings what comes from one to the other, in its order. */
function carry(from: Socket, to: Socket): void {
  let before = Promise.resolve()
  from.on('data', (bytes) => {
    before = before.then(() => sleep(LATENCY_MS)).then(() => writeTorn(to, bytes))
  })
  from.on('error', () => {}) // 'close' follows
  from.on('close', () => to.destroy())
}

async function writeTorn(to: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < Math.min(TORN_BYTES, bytes.length); at++) {
    to.write(bytes.subarray(at, at + 1))
    await new Promise((resolve) => setImmediate(resolve))
  }
  to.write(bytes.subarray(TORN_BYTES))
}
