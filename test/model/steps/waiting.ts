import * as fc from 'fast-check'
import { picks, textOf } from './claim.ts'
import { who } from './membership.ts'
import { beat, memberStep, type Step } from './step.ts'

export const expedite: fc.Arbitrary<Step> = fc.tuple(who, picks).map(([number, picks]) =>
  memberStep(number, `expedites ${textOf(picks)}`, async (member, pair, known) => {
    // What is being retried is held by nobody, so it is chosen among everything.
    const labels = known.pickAll(
      member,
      picks.map(({ number }) => ({ from: 'any', number })),
    )
    await pair.sure(`${member.name} expedites ${labels.join(' ')}`, (side) =>
      side.consumer(member.name).expedite(side.positions(labels)),
    )
  }),
)

/** Asks for everything. */
export const waiting: fc.Arbitrary<Step> = who.map((number) =>
  memberStep(number, 'asks what waits', async ({ name, group }, pair, known) => {
    await pair.sure(`${name} asks what waits`, async (side) => {
      const all = side.positions(known.labelsOf(group))
      return side.labelsFor(group, await side.consumer(name).waiting(all))
    })
  }),
)

export const heartbeat: fc.Arbitrary<Step> = who.map((number) =>
  memberStep(number, 'sends a heartbeat', (member, pair) => beat(member, pair)),
)
