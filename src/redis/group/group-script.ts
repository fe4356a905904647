import type { Connection } from '../connection.ts'
import { INLET_ENDINGS, INLET_GUARD, LEASE_GUARD, REQUEST_ENDINGS, STREAM_ENDINGS } from '../lua.ts'
import { Script } from '../script.ts'

/** What a member reads: a stream or an inlet, of which only the holder of a lease is handed entries or everybody. */
export interface Reading {
  readonly inlet: boolean
  readonly exclusive: boolean
  /** Set where entries are requests, which go when they are settled. Their group is never an exclusive one. */
  readonly requests?: object | undefined
}

/**
 * A script of one member of a group, in the variants for what is read.
 *
 * KEYS: stream, state, retry, heartbeats (see GroupKeys), dead letters, then its own, and the lease of an exclusive
 * group as the last one. ARGV: group, consumer, the stream's name (of an inlet: that of the stream beside it), the time
 * for dead letters, then its own, from ARGV[5] on.
 *
 * All of them check ownership on the server: a consumer that was paused for longer than its heartbeat may find that its
 * entries went to another, and must then change nothing.
 */
export class GroupScript<Reply> {
  readonly #variants: readonly Script<Reply>[]

  /**
   * `leased`: entries are handed out or settled, for which the lease of an exclusive group is needed.
   * `ends`: the source uses `finish`, `original` or `tidy`.
   */
  constructor(source: string, options: { leased?: boolean; ends?: boolean; takesMemory?: boolean } = {}) {
    const { leased = false, ends = false, takesMemory = false } = options
    this.#variants = VARIANTS.map(({ inlet, exclusive, requests }) => {
      const guards = (inlet ? INLET_GUARD : '') + (exclusive && leased ? LEASE_GUARD : '')
      const endings = inlet ? INLET_ENDINGS : requests ? REQUEST_ENDINGS : STREAM_ENDINGS
      return new Script<Reply>(guards + (ends ? endings : '') + source, { takesMemory })
    })
  }

  run(
    reading: Reading,
    connection: Connection,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Reply> {
    return this.#variants[variantOf(reading)]!.run(connection, keys, args)
  }
}

const VARIANTS: readonly Reading[] = [
  { inlet: false, exclusive: false },
  { inlet: true, exclusive: false },
  { inlet: false, exclusive: true },
  { inlet: true, exclusive: true },
  { inlet: false, exclusive: false, requests: {} },
]

/** By its place in {@link VARIANTS}. */
const variantOf = ({ inlet, exclusive, requests }: Reading): number =>
  requests && !inlet ? 4 : (inlet ? 1 : 0) + (exclusive ? 2 : 0)
