import { hash } from 'node:crypto'
import { Random, hashOf } from './random.ts'

/** What the publishers write, and how it is consumed. */
export interface LaneDefinition {
  readonly stream: string
  readonly groups: readonly string[]
  /** Part of all events. */
  readonly share: number
  /**
   * Where the effects of its handlers go, besides the evidence: nowhere else, to PostgreSQL in the transaction of the
   * inbox, or to Redis in the script that acknowledges.
   */
  readonly effects: 'file' | 'inbox' | 'produced'
}

/** The lane of a stream carries its name. */
export const LANES = {
  plain: { stream: 'plain', groups: ['plain'], share: 0.4, effects: 'file' },
  inbox: { stream: 'inbox', groups: ['inbox'], share: 0.08, effects: 'inbox' },
  ordered: { stream: 'ordered', groups: ['ordered'], share: 0.15, effects: 'produced' },
  keyed: { stream: 'keyed', groups: ['keyed'], share: 0.2, effects: 'produced' },
  outbox: { stream: 'outbox', groups: ['outbox'], share: 0.05, effects: 'file' },
  late: { stream: 'late', groups: ['early', 'late'], share: 0.12, effects: 'file' },
} as const satisfies Record<string, LaneDefinition>

export type LaneName = keyof typeof LANES
export const LANE_NAMES = Object.keys(LANES) as LaneName[]

/** The group that comes when much of its stream is there already, and still gets all of it. */
export const LATE_GROUP = 'late'

/** The lane that waits for a replica with each publish, where Redis has any. */
export const DURABLE_LANE: LaneName = 'keyed'

/** The stream of effects that travel with the acknowledgement; in the slot of the stream they come from. */
export const effectsStream = (stream: string): string => `{${stream}}:effects`

/** Starts that a poisoned event gets. More than a healthy one can be charged with, with workers dying around it. */
export const ATTEMPTS = 6
/** How long a worker may be silent before others take over, in ms. Stops and blocks last twice as long. */
export const DEAD_AFTER_MS = 2_000
/** What a worker holds of a group at most: so many repeats may a fault cost for each worker. */
export const MAX_HELD = 200

/** What is special about an event. It follows from its id, so that all processes agree. */
export interface Traits {
  readonly poison: boolean
  /** How many of its first attempts fail. */
  readonly failures: number
  /** How long its handler takes. */
  readonly workMs: number
  readonly body: 'small' | 'proto' | 'deep' | 'big'
}

const BIG_BYTES = 1_000_000
const DEPTH = 1_000

export function traitsOf(lane: LaneName, id: string): Traits {
  const random = new Random(hashOf(id))
  const [poison, failing, slow, shape] = [random.next(), random.next(), random.next(), random.next()]
  return {
    poison: poison < 0.01,
    failures: failing < 0.002 ? 2 : failing < 0.02 ? 1 : 0,
    // So many run at any moment that a worker which is stopped is in the middle of some.
    workMs: slow < (lane === 'plain' ? 0.01 : 0.08) ? 300 : slow < 0.12 ? random.between(5, 50) : 0,
    body:
      lane === 'plain' && shape < 0.0005 ? 'big' : shape < 0.01 ? 'proto' : shape < 0.015 ? 'deep' : 'small',
  }
}

/** What an event carries; `sum` tells whether it arrived as it was sent. */
export interface Payload {
  id: string
  sum: string
  body: unknown
  /** A canary where it is encrypted. */
  secret?: string
}

export function payloadOf(id: string, { body: shape }: Traits): Payload {
  const body = BODIES[shape](id)
  return { id, sum: sumOf(body), body }
}

export const sumOf = (body: unknown): string => hash('sha1', JSON.stringify(body))

const BODIES: Record<Traits['body'], (id: string) => unknown> = {
  small: (id) => ({ text: `of ${id}` }),
  proto: () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1},"toString":"x"}'),
  deep: () => JSON.parse(`${'['.repeat(DEPTH)}1${']'.repeat(DEPTH)}`),
  big: () => 'x'.repeat(BIG_BYTES),
}

/** Few enough that events of one key follow each other closely. */
const KEYS_PER_PUBLISHER = 30
export const keyOf = (lane: LaneName, publisher: string, n: number): string | undefined =>
  lane === 'ordered' || n % 2 === 0 ? `${publisher}-k${n % KEYS_PER_PUBLISHER}` : undefined
