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
  /** The same for every such command, until `pass`. The answer counts them. */
  dropReplies(match: (command: Buffer) => boolean): { readonly count: number }
  /** Brings all that is sent from now on, in either direction, so many ms later and in order. 0 ends it. */
  delay(ms: number): void
  /** New connections are whole again and nothing is late; replies that were to be dropped are brought. */
  pass(): void
  /** Ends every connection and the proxy itself. Idempotent. */
  stop(): Promise<void>
}

/** Starts a proxy on a free port of the loopback interface. A change of `target` counts for later connections. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  const faults: Faults = { up: false, down: false, delayMs: 0 }
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
        faults.drop = { match, once: true, done }
      }),
    dropReplies(match) {
      const dropped = { count: 0 }
      faults.drop = { match, once: false, done: () => dropped.count++ }
      return dropped
    },
    delay(ms) {
      faults.delayMs = ms
    },
    pass() {
      faults.up = faults.down = false
      faults.delayMs = 0
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
  delayMs: number
  drop?: { match(command: Buffer): boolean; once: boolean; done(): void }
}

/** One direction of a connection: what is late keeps what follows waiting. */
class Line {
  readonly #to: Socket
  readonly #late: { bytes: Buffer; due: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(to: Socket) {
    this.#to = to
  }

  send(bytes: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#late.length === 0) return void this.#to.write(bytes)
    this.#late.push({ bytes, due: performance.now() + delayMs })
    if (this.#late.length === 1) this.#wait()
  }

  cut(): void {
    clearTimeout(this.#timer)
  }

  #wait(): void {
    const next = this.#late[0]
    if (!next) return
    const bring = () => {
      this.#to.write(next.bytes)
      this.#late.shift()
      this.#wait()
    }
    this.#timer = setTimeout(bring, next.due - performance.now())
  }
}

/** One connection of a client and the one to the server that belongs to it. */
class Pair {
  readonly #sockets: readonly Socket[]
  readonly #faults: Faults
  readonly #onEnd: (pair: Pair) => void
  readonly #lines: { up: Line; down: Line }
  readonly #mute = { up: false, down: false }
  /** Called instead of bringing the next reply. */
  #dropped: (() => void) | undefined

  constructor(client: Socket, upstream: Socket, faults: Faults, onEnd: (pair: Pair) => void) {
    this.#sockets = [client, upstream]
    this.#lines = { up: new Line(upstream), down: new Line(client) }
    this.#faults = faults
    this.#onEnd = onEnd
    this.catchFaults()
    client.on('data', (bytes) => this.#up(bytes))
    upstream.on('data', (bytes) => this.#down(bytes))
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
    this.#lines.up.cut()
    this.#lines.down.cut()
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #up(bytes: Buffer): void {
    if (this.#mute.up) return
    const { drop } = this.#faults
    if (drop?.match(bytes)) {
      if (drop.once) delete this.#faults.drop
      this.#dropped = drop.done
    }
    this.#lines.up.send(bytes, this.#faults.delayMs)
  }

  #down(bytes: Buffer): void {
    if (this.#mute.down) return
    if (!this.#dropped) return this.#lines.down.send(bytes, this.#faults.delayMs)
    this.reset()
    this.#dropped()
  }
}
