import * as fc from 'fast-check'
import type { Outcome } from '../../../src/core/stream-log.ts'
import { hours } from '../clock.ts'
import type { Member } from '../known.ts'
import type { Pair } from '../pair.ts'
import type { Side } from '../side.ts'
import { picks, textOf } from './claim.ts'
import { who } from './membership.ts'
import { memberStep, type Step } from './step.ts'

/** How something ends, wherever it stands and whatever it counts. `started` is how often it was started. */
type Ending = (position: string, started: number, pair: Pair) => Outcome

export const IDENTITIES = ['i1', 'i2'] as const
const identity = fc.constantFrom(IDENTITIES[0], IDENTITIES[0], IDENTITIES[1], undefined)
const produced = fc.constantFrom<readonly ('stream' | 'out')[]>(
  [],
  [],
  ['out'],
  ['out', 'stream'],
  ['stream'],
)
/** At once, or in the middle between hours. */
const delay = fc.constantFrom(0, 0, hours(0.5), hours(2.5))

const acknowledge: fc.Arbitrary<[string, Ending]> = fc
  .tuple(identity, produced)
  .map(([identity, targets]) => [
    `acknowledge as ${identity}, to ${targets.join(' ') || 'none'}`,
    (position, _, pair) => ({
      kind: 'acknowledge',
      position,
      ...(identity === undefined ? {} : { identity }),
      produce: targets.map((target) => ({ stream: pair[target], fields: ['to', target] })),
    }),
  ])

const retry: fc.Arbitrary<[string, Ending]> = delay.map((delayMs) => [
  `retry in ${delayMs}`,
  (position, attempts) => ({ kind: 'retry', position, attempts, delayMs }),
])

const release: fc.Arbitrary<[string, Ending]> = fc.option(delay, { nil: undefined }).map((delayMs) => [
  `release in ${delayMs}`,
  (position, started) => ({
    kind: 'release',
    position,
    attempts: started - 1,
    ...(delayMs === undefined ? {} : { delayMs }),
  }),
])

const deadLetter: fc.Arbitrary<[string, Ending]> = identity.map((identity) => [
  `dead-letter as ${identity}`,
  (position, attempts) => ({
    kind: 'dead-letter',
    position,
    attempts,
    letter: { error: 'E', reason: 'because' },
    ...(identity === undefined ? {} : { identity }),
  }),
])

const ending = fc.oneof(acknowledge, retry, release, deadLetter)

/** One outcome for each entry: two for one in a call would be a fault of the caller. */
export const settle: fc.Arbitrary<Step> = fc
  .tuple(who, picks, fc.array(ending, { minLength: 4, maxLength: 4 }))
  .map(([number, picks, endings]) => {
    const texts = endings.slice(0, picks.length).map(([text]) => text)
    return memberStep(number, `settles ${textOf(picks)}: ${texts.join('; ')}`, (member, pair, known) => {
      const labels = known.pickAll(member, picks)
      return settleBoth(member, pair, labels, endings).then((written) => known.wrote(written))
    })
  })

/** Answers what was written to the stream by it. */
async function settleBoth(
  { name, group, held }: Member,
  pair: Pair,
  labels: readonly string[],
  endings: readonly [string, Ending][],
): Promise<string[]> {
  const outcomes = (side: Side) =>
    labels.map((label, n) => endings[n]![1](side.position(label), held.get(label) ?? 1, pair))
  const texts = labels.map((label, n) => `${label} ${endings[n]![0]}`)
  const lost = await pair.each((side) => side.consumer(name).settle(outcomes(side)))
  const written = await pair.label(pair.stream)
  await pair.label(pair.out)
  pair.agree(`${name} settles ${texts.join('; ')}; lost`, [
    pair.memory.labelsFor(group, lost[0]),
    pair.redis.labelsFor(group, lost[1]),
  ])
  for (const label of labels) held.delete(label)
  return written
}
