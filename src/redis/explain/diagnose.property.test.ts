import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  property,
  record,
  string,
  type Arbitrary,
} from 'fast-check'
import { expect, test } from 'vitest'
import { VERDICTS } from '../../core/explain.ts'
import { diagnose, rankOf } from './diagnose.ts'
import type { GroupEvidence } from './evidence.ts'

const name = oneof(string(), constantFrom('mailer', "it's", '-x', 'a\n\u009bb'))
const position = nat().chain((ms) => nat(20).map((seq) => `${ms}-${seq}`))
const count = oneof(constant(0), nat(10), nat())
const maybe = <T>(arbitrary: Arbitrary<T>) => option(arbitrary, { nil: undefined })
const pending = record({ position, ageMs: count, idleMs: count, deliveries: nat(12) })
const consumer = record({
  name,
  pending: count,
  idleMs: count,
  heartbeatMs: maybe(count),
  live: boolean(),
  oldest: maybe(pending),
})
const trend = record({
  sampleMs: integer({ min: 1 }),
  before: count,
  after: count,
  added: count,
  delivered: count,
})

/** Also what can not be: whatever is gathered in a hurry must be judged. */
const anyEvidence = record({
  stream: name,
  group: name,
  millrace: boolean(),
  length: count,
  first: maybe(position),
  last: position,
  lastDelivered: position,
  entriesRead: maybe(count),
  holes: boolean(),
  behind: oneof(count, constant('unknown' as const)),
  unreadAgeMs: maybe(count),
  trend: maybe(trend),
  pending: count,
  waiting: count,
  inlet: count,
  pausedMs: maybe(count),
  consumerCount: count,
  allConsumers: boolean(),
  consumers: array(consumer, { maxLength: 5 }),
  lookedAt: nat(100),
  pendingGone: count,
  firstGone: maybe(position),
  unreadGone: count,
  recordedGone: count,
  suspects: nat(100),
  worst: maybe(pending.map((one) => ({ ...one, consumer: 'c' }))),
  minIdleMs: integer({ min: 1 }),
}) as Arbitrary<GroupEvidence>

test('whatever was gathered, there is one verdict, and none that holds beside it is graver', () => {
  assert(
    property(anyEvidence, (evidence) => {
      const { verdict, severity, also, summary, commands, evidence: facts } = diagnose(evidence)
      const all = [verdict, ...also]
      expect(VERDICTS).toContain(verdict)
      expect(new Set(all).size).toBe(all.length)
      expect(also).not.toContain('healthy')
      expect(verdict === 'healthy' && also.length > 0).toBe(false)
      expect(severity === 'ok' ? commands : ['none']).toHaveLength(severity === 'ok' ? 0 : 1)
      expect(severity === 'ok' || commands.length > 0).toBe(true)
      expect(new Set(commands).size).toBe(commands.length)
      for (const line of [summary, ...commands]) {
        expect(line).not.toMatch(/undefined|NaN|Infinity/)
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
      }
      expect(Object.values(facts)).not.toContain(undefined)
    }),
    { numRuns: 2_000 },
  )
})

test('it says the same of the same, and changes nothing of what it was given', () => {
  assert(
    property(anyEvidence, (evidence) => {
      const before = structuredClone(evidence)
      expect(diagnose(evidence)).toEqual(diagnose(structuredClone(evidence)))
      expect(evidence).toEqual(before)
    }),
  )
})

test('what is more critical is graver, and then what stands earlier in the table', () => {
  const ranks = (['critical', 'warning', 'ok'] as const).flatMap((severity) =>
    VERDICTS.map((verdict) => rankOf({ verdict, severity })),
  )
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b))
  expect(new Set(ranks).size).toBe(ranks.length)
})
