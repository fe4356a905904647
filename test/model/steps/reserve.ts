import * as fc from 'fast-check'
import { hours } from '../clock.ts'
import { picks, textOf } from './claim.ts'
import { who } from './membership.ts'
import { IDENTITIES } from './settle.ts'
import { memberStep, type Step } from './step.ts'

const ttl = fc.constantFrom(hours(1.5), hours(1_000))
const identity = fc.constantFrom(IDENTITIES[0], ...IDENTITIES)

export const reserve: fc.Arbitrary<Step> = fc
  .tuple(who, picks, identity, ttl)
  .map(([number, picks, identity, ttlMs]) =>
    memberStep(
      number,
      `reserves ${identity} for ${textOf(picks)}, ${ttlMs} ms`,
      async (member, pair, known) => {
        const labels = known.pickAll(member, picks)
        await pair.sure(`${member.name} reserves ${identity} for ${labels.join(' ')}, ${ttlMs} ms`, (side) =>
          side.consumer(member.name).reserve(
            labels.map((label) => ({ position: side.position(label), identity })),
            ttlMs,
          ),
        )
      },
    ),
  )
