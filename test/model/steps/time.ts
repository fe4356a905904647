import * as fc from 'fast-check'
import { passHours } from '../clock.ts'
import { SLOTS } from '../known.ts'
import { beat, step, type Step } from './step.ts'

/** Hours go by, one after the other; who sends heartbeats lives on, and two hours of silence are death. */
export const pass: fc.Arbitrary<Step> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.subarray([...SLOTS]))
  .map(([count, alive]) =>
    step(
      `${count} h pass, while ${alive.join(' ') || 'nobody'} sends heartbeats`,
      () => true,
      async (known, pair) => {
        const members = alive.flatMap((slot) => known.members.get(slot) ?? [])
        for (let hour = 0; hour < count; hour++) {
          for (const member of members) await beat(member, pair)
          await passHours(1, pair.server, pair.prefix)
          known.hourPassed()
          pair.note('an hour passes')
        }
      },
    ),
  )
