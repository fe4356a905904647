import * as fc from 'fast-check'
import { claimBoth } from '../claiming.ts'
import type { Known, Member, Pick } from '../known.ts'
import type { Pair } from '../pair.ts'
import { who } from './membership.ts'
import { beat, memberStep, type Step } from './step.ts'

const pick: fc.Arbitrary<Pick> = fc.record({
  from: fc.oneof({ weight: 5, arbitrary: fc.constant('held' as const) }, fc.constant('any' as const)),
  number: fc.nat(30),
})

/** Some of what the member was handed, and at times of what it was not. */
export const picks = fc.array(pick, { minLength: 1, maxLength: 4, size: 'max' })

export const textOf = (picks: readonly Pick[]): string =>
  picks.map(({ from, number }) => `${from} ${number}`).join(', ')

const limit = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(100))

export const claim: fc.Arbitrary<Step> = fc
  .tuple(who, limit)
  .map(([number, limit]) =>
    memberStep(number, `claims ${limit}`, (member, pair, known) => claimAsMember(member, pair, known, limit)),
  )

/** Whether a claim says that one lives is free; a heartbeat does. */
export async function claimAsMember(member: Member, pair: Pair, known: Known, limit: number): Promise<void> {
  await claimBoth(pair, known, member, limit)
  if (member.silent) await beat(member, pair)
}

/** Of what was claimed last, new entries among it, whose start is known. */
export const begin: fc.Arbitrary<Step> = fc.tuple(who, picks).map(([number, picks]) =>
  memberStep(number, `begins ${textOf(picks)}`, async (member, pair, known) => {
    const { name, group } = member
    const labels = known.pickAll(member, picks).filter((label) => pair.memory.member(name).claims.has(label))
    await pair.sure(`${name} begins ${labels.join(' ')}`, async (side) => {
      const { consumer, claims } = side.member(name)
      return side.labelsFor(group, await consumer.begin(labels.map((label) => claims.get(label)!)))
    })
  }),
)
