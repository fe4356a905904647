import { setTimeout as sleep } from 'node:timers/promises'
import type { MillraceError } from '../../core/errors.ts'
import type { Claim } from '../../core/stream-log.ts'
import type { Connection, ServerConnection } from '../connection.ts'
import { nameOf } from '../connections/address.ts'

/** What a reply may take beyond BLOCK before the connection counts as dead: half-open ones are noticed within 2 s. */
const REPLY_GRACE_MS = 1_500
const WAKE_RETRY_MS = 5
/** How long the other connection may take to answer when this one fell silent. */
const PROBE_MS = 1_000

type ReadReply = [stream: string, entries: [position: string, fields: string[]][]][] | null

/** Blocking reads of new entries, on a connection of their own: anything behind a blocked command would wait. */
export class Reader {
  readonly #connection: Connection
  readonly #control: Connection
  readonly #command: readonly string[]
  readonly #stream: string
  #clientId = ''
  /** Who told it, and on which socket. */
  #knownTo: { server: ServerConnection; epoch: number } | undefined
  #reading = false
  /** Counts reads, so that each is woken by itself: waking one must not be taken for waking the next. */
  #reads = 0
  #woken = 0

  constructor(
    connection: Connection,
    control: Connection,
    who: { stream: string; group: string; consumer: string },
  ) {
    this.#connection = connection
    this.#control = control
    this.#stream = who.stream
    this.#command = ['XREADGROUP', 'GROUP', who.group, who.consumer]
  }

  async read(limit: number, blockMs: number, signal: AbortSignal): Promise<Claim[]> {
    const command = [...this.#command, 'COUNT', String(limit)]
    const reply = await this.#block(command, '>', blockMs, signal)
    return reply?.[0]?.[1].map(toClaim) ?? []
  }

  /** Whether something comes after a position. It takes nothing, so whoever learns of it late does no harm. */
  async waitForNews(after: string, blockMs: number, signal: AbortSignal): Promise<boolean> {
    return (await this.#block(['XREAD', 'COUNT', '1'], after, blockMs, signal)) !== null
  }

  /**
   * Never BLOCK 0: a read that never returns can't be told from a dead one. Nor BLOCK 1 for one that does not wait: a
   * server that is idle notices its end with the next tick only, 100 ms later.
   */
  async #block(command: string[], after: string, blockMs: number, signal: AbortSignal): Promise<ReadReply> {
    if (!signal.aborted) await this.#learnClientId()
    if (signal.aborted) return null
    const wake = () => void this.#unblock()
    signal.addEventListener('abort', wake, { once: true })
    this.#reading = true
    this.#reads++
    try {
      const block = blockMs > 0 ? ['BLOCK', String(Math.ceil(blockMs))] : []
      const args = [...command, ...block, 'STREAMS', this.#stream, after]
      return await this.#connection.send<ReadReply>(args, blockMs + REPLY_GRACE_MS)
    } catch (error) {
      if ((error as MillraceError).code === 'REDIS_UNCERTAIN') this.#probeControl()
      throw error
    } finally {
      this.#reading = false
      signal.removeEventListener('abort', wake)
    }
  }

  /** What made this connection fall silent often did so to the other one, where a command may wait for longer. */
  #probeControl(): void {
    this.#control
      .serverOf(this.#stream)
      .send(['PING'], PROBE_MS)
      .catch(() => {})
  }

  /** Ends a read that waits, with nothing. */
  wake(): void {
    if (this.#reading) void this.#unblock()
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #learnClientId(): Promise<void> {
    const server = this.#connection.serverOf(this.#stream)
    const { epoch } = server
    if (server === this.#knownTo?.server && epoch === this.#knownTo.epoch) return
    this.#clientId = String(await server.send(['CLIENT', 'ID']))
    this.#knownTo = { server, epoch }
  }

  /**
   * Ends a blocked read from outside, again and again where it overtakes the read on its way. Closing its connection
   * instead could leave an entry behind: one that Redis hands out before it notices. Where Redis won't do it, the read
   * ends by its own BLOCK.
   */
  async #unblock(): Promise<void> {
    const read = this.#reads
    if (this.#woken === read) return
    this.#woken = read
    while (this.#reading && this.#reads === read) {
      const server = this.#control.serverOf(this.#stream)
      // After a change of masters the number would be that of another client.
      if (!this.#knownTo || nameOf(server.address) !== nameOf(this.#knownTo.server.address)) break
      const woken = await server.send<number>(['CLIENT', 'UNBLOCK', this.#clientId]).catch(() => 1)
      if (woken === 1) break
      await sleep(WAKE_RETRY_MS)
    }
  }
}

const toClaim = ([position, fields]: [string, string[]]): Claim => ({
  position,
  fields,
  attempt: 1,
  origin: 'new',
})
