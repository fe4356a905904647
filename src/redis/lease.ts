import type { Connection } from './connection.ts'
import { Script } from './script.ts'

/** Longest pause between two looks of who does not hold the lease, in ms: a free one is taken within a second. */
const LOOK_INTERVAL_MS = 900

/**
 * KEYS: lease. ARGV: consumer, how long it lasts in ms, `take` when a free one is taken, and whose counts as free.
 * Answers 1 when the consumer holds it, the ms that it still lasts, and who has it.
 */
const leaseScript = new Script<[held: 0 | 1, lastsMs: number, holder: string]>(`
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or (ARGV[3] == 'take' and (not holder or holder == ARGV[4])) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return { 1, tonumber(ARGV[2]), ARGV[1] }
end
return { 0, holder and redis.call('PTTL', KEYS[1]) or 0, holder or '' }
`)

const releaseScript = new Script<number>(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

export interface LeaseOptions {
  readonly key: string
  readonly consumer: string
  readonly lastsMs: number
  /** Who had it and could not give it back. */
  readonly predecessor?: string | undefined
  /** Held from now on, after a time in which another may have held it. */
  onTaken(): void
  onLost(): void
}

/**
 * The right of one consumer at a time: of a member of an exclusive group to be handed entries, of an instance to read a
 * source. It ends by our own clock, counted from before its renewal was sent, and so never later than Redis ends it.
 */
export class Lease {
  readonly #connection: Connection
  readonly #options: LeaseOptions
  #held = false
  /** On the clock of `performance.now`, which never jumps. */
  #heldUntil = 0
  #renewAt = 0
  #nextLookAt = 0
  #holder = ''
  /** Counts how often it was taken: what began in one term must not end in another. */
  #term = 0

  constructor(connection: Connection, options: LeaseOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** Undefined while we don't hold the lease. */
  get term(): number | undefined {
    if (this.#held && performance.now() >= this.#heldUntil) this.lose()
    return this.#held ? this.#term : undefined
  }

  /** Who had it when it was last asked for; empty for nobody. */
  get holder(): string {
    return this.#holder
  }

  /** How long there is nothing to ask, in ms. */
  get restMs(): number {
    return Math.max(0, (this.#held ? this.#renewAt : this.#nextLookAt) - performance.now())
  }

  /** Takes the lease where it is free, and renews it where it is time; answers whether it is ours. */
  async ensure(): Promise<boolean> {
    if (this.term !== undefined && this.restMs === 0) await this.#ask('renew')
    if (this.term === undefined && this.restMs === 0) await this.#ask('take')
    return this.term !== undefined
  }

  /** For who works and does not claim at the moment. */
  async renew(): Promise<void> {
    if (this.term !== undefined) await this.#ask('renew')
  }

  /** A free lease that we thought ours may have been another's meanwhile, so `renew` does not take it. */
  async #ask(what: 'take' | 'renew'): Promise<void> {
    const { key, consumer, lastsMs, predecessor = '' } = this.#options
    const sentAt = performance.now()
    const args = [consumer, String(lastsMs), what, predecessor]
    const [held, left, holder] = await leaseScript.run(this.#connection, [key], args)
    this.#holder = holder
    if (held === 0) {
      const wait = what === 'renew' ? 0 : Math.min(Math.max(left, 0) + 1, LOOK_INTERVAL_MS)
      this.#nextLookAt = performance.now() + wait
      this.lose()
    } else if (performance.now() < sentAt + lastsMs) {
      this.#heldUntil = sentAt + lastsMs
      this.#renewAt = sentAt + lastsMs / 4
      this.#take()
    }
  }

  #take(): void {
    if (this.#held) return
    this.#held = true
    this.#term++
    this.#options.onTaken()
  }

  lose(): void {
    if (!this.#held) return
    this.#held = false
    this.#options.onLost()
  }

  /** For the next member to take it at once. */
  async release(): Promise<void> {
    const { key, consumer } = this.#options
    this.#held = false
    await releaseScript.run(this.#connection, [key], [consumer])
  }
}
