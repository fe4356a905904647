import * as fc from 'fast-check'
import type { Pick } from '../known.ts'
import { claimAsMember, picks, textOf } from './claim.ts'
import { beat, step, type Step } from './step.ts'

const CALLS = ['settles', 'heartbeat', 'claims', 'leaves'] as const

/** Who left or was taken for dead calls nevertheless: a process that had been stopped, or a promise that was late. */
export const former: fc.Arbitrary<Step> = fc
  .tuple(fc.nat(10), fc.constantFrom(...CALLS), picks)
  .map(([number, call, picks]: [number, (typeof CALLS)[number], Pick[]]) =>
    step(
      `former member ${number} ${call} ${call === 'settles' ? textOf(picks) : ''}`,
      (known) => known.former.length > 0,
      async (known, pair) => {
        const member = known.former[number % known.former.length]!
        const { name, group } = member
        const labels = known.pickAll(member, picks)
        if (call === 'claims') await claimAsMember(member, pair, known, 2)
        if (call === 'leaves') await pair.same(`${name} leaves`, (side) => side.consumer(name).leave())
        if (call === 'heartbeat') await beat(member, pair)
        if (call === 'settles')
          await pair.same(`${name} acknowledges ${labels.join(' ')}; lost`, async (side) => {
            const outcomes = side
              .positions(labels)
              .map((position) => ({ kind: 'acknowledge' as const, position }))
            return side.labelsFor(group, await side.consumer(name).settle(outcomes))
          })
      },
    ),
  )
