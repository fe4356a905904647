import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down' | 'both'

/** A TCP proxy that breaks connections on demand, in the ways in which networks do. */
export interface FaultProxy {
  readonly port: number
  /** Such as `redis://127.0.0.1:6380` for `redis`. */
  url(scheme: string): string
  /** Resets every connection; new ones are accepted. */
  cut(): void
  /**
   * Loses all bytes without a word, on the connections there are and on those made until `pass`. They stay mute for
   * ever: no network mends a hole in a stream.
   */
  swallow(direction: Direction): void
  /**
   * Lets the next command that matches through to the server and resets its connection instead of bringing the reply.
   * Resolves when that has happened. Commands are seen as the bytes of one read, so the connection should be quiet.
   */
  dropNextReply(match?: (command: Buffer) => boolean): Promise<void>
  /** New connections are whole again; a reply that was to be dropped is forgotten. */
  pass(): void
  /** Ends every connection and the proxy itself. Idempotent. */
  stop(): Promise<void>
}

/** Starts a proxy on a free port of the loopback interface. A change of `target` counts for later connections. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  const faults: Faults = { up: false, down: false }
  const server = createServer((client) => {
    const upstream = connect({ host: target.host ?? '127.0.0.1', port: target.port })
    pairs.add(new Pair(client, upstream, faults, (pair) => pairs.delete(pair)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cut = () => {
    for (const pair of pairs) pair.reset()
  }
  return {
    port,
    url: (scheme) => `${scheme}://127.0.0.1:${port}`,
    cut,
    swallow(direction) {
      faults.up = direction !== 'down'
      faults.down = direction !== 'up'
      for (const pair of pairs) pair.catchFaults()
    },
    dropNextReply: (match = () => true) =>
      new Promise((done) => {
        faults.drop = { match, done }
      }),
    pass() {
      faults.up = faults.down = false
      delete faults.drop
    },
    async stop() {
      cut()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}

interface Faults {
  up: boolean
  down: boolean
  drop?: { match(command: Buffer): boolean; done(): void }
}

/** One connection of a client and the one to the server that belongs to it. */
class Pair {
  readonly #sockets: readonly Socket[]
  readonly #faults: Faults
  readonly #onEnd: (pair: Pair) => void
  readonly #mute = { up: false, down: false }
  /** Called instead of bringing the next reply. */
  #dropped: (() => void) | undefined

  constructor(client: Socket, upstream: Socket, faults: Faults, onEnd: (pair: Pair) => void) {
    this.#sockets = [client, upstream]
    this.#faults = faults
    this.#onEnd = onEnd
    this.catchFaults()
    client.on('data', (bytes) => this.#up(bytes, upstream))
    upstream.on('data', (bytes) => this.#down(bytes, client))
    for (const socket of this.#sockets) {
      socket.setNoDelay(true)
      socket.on('error', () => {}) // 'close' follows
      socket.on('close', () => this.reset())
    }
  }

  /** What is broken once stays broken. */
  catchFaults(): void {
    this.#mute.up ||= this.#faults.up
    this.#mute.down ||= this.#faults.down
  }

  reset(): void {
    this.#onEnd(this)
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #up(bytes: Buffer, upstream: Socket): void {
    if (this.#mute.up) return
    const { drop } = this.#faults
    if (drop?.match(bytes)) {
      delete this.#faults.drop
      this.#dropped = drop.done
    }
    upstream.write(bytes)
  }

  #down(bytes: Buffer, client: Socket): void {
    if (this.#mute.down) return
    if (!this.#dropped) return void client.write(bytes)
    this.reset()
    this.#dropped()
  }
}
