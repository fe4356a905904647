import * as fc from 'fast-check'
import { step, type Step } from './step.ts'

export const read: fc.Arbitrary<Step> = fc
  .tuple(fc.option(fc.nat(20)), fc.integer({ min: 1, max: 10 }))
  .map(([after, limit]) =>
    step(
      `read ${limit} after ${after === null ? 'the start' : `entry ${after}`}`,
      (known) => known.existence !== 'free' && (after === null || known.entries.length > 0),
      async (known, pair) => {
        const label = after === null ? undefined : known.entries[after % known.entries.length]!
        await pair.same(`read ${limit} after ${label}`, async (side) => {
          const from = label === undefined ? '0-0' : side.position(label)
          const entries = await side.log.read(pair.stream, from, limit)
          return entries.map(({ position, fields }) => [side.label(pair.stream, position), ...fields])
        })
        await pair.same('last position', async (side) =>
          side.label(pair.stream, await side.log.lastPosition(pair.stream)),
        )
      },
    ),
  )
