import { stream } from '../../src/core/stream.ts'
import { groupKeys, inletKey } from '../../src/redis/keys.ts'

/** A consumer counts as dead after this, in ms: short, so that a recovery is, and far longer than a busy machine pauses. */
export const DEAD_AFTER_MS = 1_500
/** Entries of other software are taken over after this. */
export const MIN_IDLE_MS = 600
export const POISON_ATTEMPTS = 3
/** Enough for what is healthy: the prepared deaths, a kill, and a failure of its own. */
export const ATTEMPTS = 8

/** What happens to an event of a type in the group `plain`. To the groups in PostgreSQL all but `flaky` are steady. */
export type Type = 'steady' | 'slow' | 'flaky' | 'poison' | 'reject' | 'maker'

export interface Planned {
  readonly name: string
  readonly type: Type
  readonly key?: string
  /** Of the event itself; two that share one are one event for `plain`. */
  readonly id?: string
  /** With an idempotency key it is published again until it is known to be there. */
  readonly keyed: boolean
  /** Characters to carry besides. */
  readonly size?: number
}

const keyed = (name: string, type: Type, more: Partial<Planned> = {}): Planned => ({
  name,
  type,
  keyed: true,
  ...more,
})

/** One after the other, since they share a key. */
export const IN_ORDER = [
  keyed('first', 'steady', { key: 'a' }),
  keyed('second', 'flaky', { key: 'a' }),
  keyed('third', 'steady', { key: 'a' }),
  keyed('fourth', 'steady', { key: 'a' }),
]
/** Published at once with the others, each in a call of its own. */
export const SINGLE = [
  keyed('poison', 'poison'),
  keyed('reject', 'reject'),
  keyed('maker', 'maker'),
  keyed('slow', 'slow'),
  keyed('twin', 'steady', { id: 'twin' }),
  { name: 'bare', type: 'steady', keyed: false },
  { name: 'large and bare', type: 'steady', keyed: false, size: 70_000 },
] satisfies Planned[]
/** By one call. */
export const TOGETHER = [keyed('one of two', 'steady', { key: 'b' }), keyed('two of two', 'maker')]
/** Through a publisher with middleware. */
export const THROUGH_MIDDLEWARE = keyed('through middleware', 'steady')
export const BY_NAME = keyed('by name', 'steady')
/** Goes to the stream a little later. */
export const SCHEDULED = keyed('scheduled', 'steady')
/** Published so that replicas have to confirm it. */
export const REPLICATED = keyed('replicated', 'steady')
/** Published when the first of them was acknowledged. */
export const SECOND_TWIN = keyed('second twin', 'steady', { id: 'twin' })
/** What nobody can decode. */
export const BROKEN = 'broken'
/** A consumer of other software, which stays in its group for ever. */
export const STRANGER = 'stranger'
/** In the stream before anything starts, as if others had worked there; see prepare.ts. */
export const LEFT_BEHIND = [
  { name: 'left by another software' },
  { name: 'left by the dead' },
  { name: 'left by the dead twice' },
  { name: 'parked', key: 'p' },
  { name: 'parked behind it', key: 'p' },
]

export const PUBLISHED: readonly Planned[] = [
  ...IN_ORDER,
  ...SINGLE,
  ...TOGETHER,
  THROUGH_MIDDLEWARE,
  BY_NAME,
  SCHEDULED,
  REPLICATED,
  SECOND_TWIN,
]

/** Every event that can be decoded: what a group has an effect of. */
export const EVENTS: readonly { name: string; type: Type; key?: string }[] = [
  ...PUBLISHED,
  ...LEFT_BEHIND.map((left) => ({ ...left, type: 'steady' as const })),
]

/** Added to the outbox, each in a transaction of its own, in this order. */
export const NOTES = ['note 1', 'note 2', 'note 3']
export const NOTE_KEY = 'notes'
/** Added to the outbox for a stream in whose place something else stands, until it was given up. */
export const CROOKED = 'crooked note'
/** Published when the bus is being closed. */
export const FAREWELL = 'farewell'

/** What the group `ledger` adds to the outbox in the transaction of its effect. */
export const noteOf = (name: string): string => `note of ${name}`
/** What the group `plain` produces with the acknowledgement of a maker. */
export const invoiceOf = (name: string): string => `invoice of ${name}`

/** The groups on the first stream: which of them have their effects in PostgreSQL. */
export const GROUPS = ['plain', 'ordered', 'ledger', 'bulk'] as const
/** Those in which a `reject` is rejected, until it is redriven. */
export const REJECTING: readonly string[] = ['plain', 'ordered']
export const IN_POSTGRES: readonly string[] = ['ledger', 'bulk']

interface Data {
  name: string
}

/** Asynchronous where that is asked for, so that publishers wait for it. */
const named = (slow = false) => {
  const validate = (value: unknown) =>
    typeof (value as Data | null)?.name === 'string'
      ? { value: value as Data }
      : { issues: [{ message: 'needs a name' }] }
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) => (slow ? Promise.resolve(validate(value)) : validate(value)),
      types: undefined as { input: Data; output: Data } | undefined,
    },
  } as const
}

/** The streams of one run, all in one slot. */
export function streamsOf(run: string) {
  const quick = { steady: named(), slow: named(), flaky: named(), poison: named(), reject: named() }
  return {
    orders: stream(`{${run}}:orders`, { ...quick, maker: named(true) }),
    notices: stream(`{${run}}:notices`, { note: named() }),
    invoices: stream(`{${run}}:invoices`, { invoice: named() }),
    crooked: stream(`{${run}}:crooked`, { note: named() }),
  }
}

/** Every group of a run, with the keys beside it that end up empty. */
export function groupsOf(run: string) {
  const { orders, notices } = streamsOf(run)
  const all = [
    ...GROUPS.map((group) => ({ stream: orders.name, group })),
    { stream: notices.name, group: 'readers' },
  ]
  return all.map(({ stream, group }) => {
    const { retry, lease, heartbeats } = groupKeys(stream, group)
    return { stream, group, inlet: inletKey(stream, group), retry, lease, heartbeats }
  })
}

/** The table for the effects of the groups in PostgreSQL; nothing in it keeps a second row out. */
export const EFFECTS_TABLE =
  'CREATE TABLE effects (run text NOT NULL, "group" text NOT NULL, name text NOT NULL)'
