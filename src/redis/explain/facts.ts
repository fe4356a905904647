import type { GroupExplanation } from '../../core/explain.ts'
import type { ConsumerEvidence, GroupEvidence } from './evidence.ts'

type Facts = GroupExplanation['evidence']

/** How many names of consumers stand in one fact. */
const NAMES = 10

export const heldBy = (consumers: readonly ConsumerEvidence[]): number =>
  consumers.reduce((sum, { pending }) => sum + pending, 0)

/** For how long nobody heard of a consumer, in ms. */
export const silentMs = ({ heartbeatMs, idleMs }: ConsumerEvidence): number => heartbeatMs ?? idleMs

/** All that was looked at, flat and by name, without what is not there. */
export function factsOf(evidence: GroupEvidence): Facts {
  const facts: Record<string, string | number | boolean | undefined> = {
    software: evidence.millrace ? 'millrace' : 'other',
    ...placeFacts(evidence),
    ...pendingFacts(evidence),
    ...consumerFacts(evidence),
    ...trendFacts(evidence),
    pausedMs: evidence.pausedMs,
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Facts
}

const placeFacts = (evidence: GroupEvidence) => ({
  length: evidence.length,
  first: evidence.first,
  last: evidence.last,
  lastDelivered: evidence.lastDelivered,
  entriesRead: evidence.entriesRead,
  behind: evidence.behind,
  unreadAgeMs: evidence.unreadAgeMs,
  deletedSingly: evidence.holes || undefined,
  unreadGone: evidence.unreadGone || undefined,
  recordedGone: evidence.recordedGone || undefined,
})

const pendingFacts = ({ worst, ...evidence }: GroupEvidence) => ({
  pending: evidence.pending,
  waiting: evidence.waiting || undefined,
  inlet: evidence.inlet || undefined,
  pendingLookedAt: evidence.lookedAt,
  pendingGone: evidence.pendingGone || undefined,
  firstGone: evidence.firstGone,
  suspects: evidence.suspects || undefined,
  worst: worst?.position,
  worstDeliveries: worst?.deliveries,
  worstConsumer: worst?.consumer,
})

function consumerFacts({ consumerCount, consumers, allConsumers }: GroupEvidence) {
  const dead = consumers.filter(({ live, pending }) => !live && pending > 0)
  const live = consumers.filter((consumer) => consumer.live)
  const oldest = live.flatMap((one) => (one.oldest ? [{ name: one.name, ...one.oldest }] : []))
  const [longest] = oldest.sort((a, b) => b.ageMs - a.ageMs)
  return {
    consumers: consumerCount,
    allConsumersKnown: allConsumers ? undefined : false,
    live: live.length,
    liveConsumers: namesOf(live),
    dead: consumers.length - live.length || undefined,
    deadConsumers: namesOf(dead),
    heldByDead: heldBy(dead) || undefined,
    deadSilentMs: dead.length > 0 ? Math.max(...dead.map(silentMs)) : undefined,
    oldestHeld: longest?.position,
    oldestHeldBy: longest?.name,
    oldestHeldAgeMs: longest?.ageMs,
    oldestHeldIdleMs: longest?.idleMs,
  }
}

const trendFacts = ({ trend }: GroupEvidence) => ({
  sampleMs: trend?.sampleMs,
  behindBefore: trend?.before,
  addedMeanwhile: trend?.added,
  deliveredMeanwhile: trend?.delivered,
})

function namesOf(consumers: readonly ConsumerEvidence[]): string | undefined {
  if (consumers.length === 0) return undefined
  const more = consumers.length > NAMES ? [`… (${consumers.length - NAMES} more)`] : []
  return [...consumers.slice(0, NAMES).map(({ name }) => name), ...more].join(', ')
}
