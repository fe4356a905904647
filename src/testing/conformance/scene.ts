import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { MillraceError } from '../../core/errors.ts'
import type { Claim, Consumer, Membership, NewEntry, StreamLog } from '../../core/stream-log.ts'
import type { Expect, OpenLog } from './adapter.ts'

export type Cases = Readonly<Record<string, (scene: Scene) => Promise<void>>>

/** How long a case may take, in ms. */
export const CASE_LIMIT_MS = 60_000
/** How long it waits for what must come: far longer than it takes, and short of the limit, to say what was missing. */
const PATIENCE_MS = 25_000
/** Longer than any case: a wait that only what wakes it ends. */
export const FOR_EVER_MS = 120_000

/** What one case plays on: a log, a stream of its own, and consumers that leave at the end. */
export class Scene {
  readonly expect: Expect
  readonly log: StreamLog
  readonly stream = `conformance:${randomUUID()}`
  readonly #opened: OpenLog
  readonly #consumers: Consumer[] = []
  readonly #peers: Pick<OpenLog, 'close'>[] = []
  readonly #heartbeats: NodeJS.Timeout[] = []
  /** Aborted when the case is over, so that nothing goes on waiting. */
  readonly #over = new AbortController()

  constructor(opened: OpenLog, expect: Expect) {
    this.#opened = opened
    this.log = opened.log
    this.expect = expect
    setMaxListeners(0, this.#over.signal)
  }

  async close(): Promise<void> {
    this.#over.abort()
    for (const heartbeat of this.#heartbeats) clearInterval(heartbeat)
    const leaving = await Promise.allSettled(this.#consumers.map((consumer) => consumer.leave()))
    await Promise.all(this.#peers.map((peer) => peer.close()))
    await this.#opened.close()
    for (const result of leaving) if (result.status === 'rejected') throw result.reason
  }

  /** Fails the case where a declared feature is missing. */
  control<K extends Exclude<keyof OpenLog, 'log' | 'close'>>(name: K): Required<OpenLog>[K] {
    const control = this.#opened[name]
    if (!control) throw new Error(`the adapter declares the feature "${name}" and has no ${name}()`)
    return control.bind(this.#opened) as Required<OpenLog>[K]
  }

  /** Another log on the same data; it is closed with the case. */
  async openPeer(): Promise<StreamLog> {
    const peer = await this.control('openPeer')()
    this.#peers.push(peer)
    return peer.log
  }

  /** Joins `group`, a group of the scene's stream unless told otherwise, as a consumer of a name of its own. */
  async join(options: Partial<Membership> = {}, log = this.log): Promise<Consumer> {
    const membership = {
      stream: this.stream,
      group: 'group',
      consumer: `consumer-${randomUUID()}`,
      ...options,
    }
    const consumer = await log.join(membership)
    this.#consumers.push(consumer)
    return consumer
  }

  /** Lets a consumer send heartbeats until the case is over. */
  keepAlive(consumer: Consumer, everyMs: number): void {
    this.#heartbeats.push(setInterval(() => void consumer.heartbeat().catch(() => {}), everyMs))
  }

  /** Appends to the scene's stream; all of it must be written. */
  async append(entries: readonly NewEntry[], stream = this.stream, log = this.log): Promise<string[]> {
    const results = await log.append(stream, entries)
    return results.map((result) => {
      if (typeof result !== 'string') throw result
      return result
    })
  }

  /** Whatever the group has for the consumer within `waitMs`. */
  claim(consumer: Consumer, limit = 1_000, waitMs = 0): Promise<Claim[]> {
    return consumer.claim(limit, waitMs, this.#over.signal)
  }

  /** Claims until `count` entries are there. A claim may always answer fewer, or none; what is due comes in the end. */
  async claimCount(consumer: Consumer, count: number): Promise<Claim[]> {
    const claims: Claim[] = []
    await this.until(`${count} claims`, async () => {
      if (claims.length < count) claims.push(...(await this.claim(consumer, count - claims.length, 100)))
      return claims.length >= count
    })
    return claims
  }

  /** Claims until the entries of all these numbers turned up, however often; answers which did, in order. */
  async claimNumbers(consumer: Consumer, expected: readonly number[]): Promise<number[]> {
    const seen = new Set<number>()
    await this.until(`the entries ${expected.join(', ')}`, async () => {
      for (const { fields } of await this.claim(consumer, 1_000, 50)) seen.add(Number(fields[1]))
      return expected.every((number) => seen.has(number))
    })
    return [...seen].sort((a, b) => a - b)
  }

  /** Claims for `ms`, to see that nothing comes. */
  async claimFor(consumer: Consumer, ms: number): Promise<Claim[]> {
    const claims: Claim[] = []
    const end = performance.now() + ms
    for (let left = ms; left > 0; left = end - performance.now()) {
      claims.push(...(await this.claim(consumer, 1_000, Math.min(left, 20))))
    }
    return claims
  }

  /** Gives calls that were made the time to get to where they wait: as long as a whole wait of another takes. */
  async letWaitersSettle(): Promise<void> {
    await this.log.read(this.stream, await this.log.lastPosition(this.stream), 1, { waitMs: 30 })
  }

  async until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS} ms in vain for ${what}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Makes a call again until it does not fail, as whoever lives through an outage does. */
  async insist<T>(what: string, call: () => Promise<T>): Promise<T> {
    let answer: { value: T } | undefined
    await this.until(what, async () => {
      answer = await call().then(
        (value) => ({ value }),
        () => undefined,
      )
      return answer !== undefined
    })
    return answer!.value
  }

  /** The code of the MillraceError that a call ends with. */
  async codeOf(call: () => Promise<unknown>): Promise<string> {
    try {
      await call()
    } catch (error) {
      if (error instanceof MillraceError) return error.code
      throw error
    }
    throw new Error('the call was expected to fail, and did not')
  }
}

/** Entries that can be told apart: `from` to `from + count - 1`. */
export const numbered = (count: number, from = 0): NewEntry[] =>
  Array.from({ length: count }, (_, index) => ({ fields: ['number', String(from + index)] }))

/** The numbers of entries, as {@link Scene.claimNumbers} wants them; `to` exclusive. */
export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n)

export const positionsOf = (entries: readonly { position: string }[]): string[] =>
  entries.map(({ position }) => position)

export const acknowledge = (entries: readonly { position: string }[]) =>
  entries.map(({ position }) => ({ kind: 'acknowledge' as const, position }))
