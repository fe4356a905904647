import * as fc from 'fast-check'
import { GROUPS } from '../known.ts'
import { CONTENTS } from './append.ts'
import { step, type Step } from './step.ts'

export const copy: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom(...GROUPS),
    fc.constantFrom(...CONTENTS),
    fc.constantFrom('redrive' as const, 'replay' as const),
  )
  .map(([group, fields, cause]) =>
    step(
      `copy content ${CONTENTS.indexOf(fields)} to group ${group}`,
      () => true,
      async (known, pair) => {
        const label = pair.nextLabel('~')
        await pair.each(async (side) => {
          const copyOf = { position: '1700000000000-7', cause }
          const position = await side.controls.copyToGroup(pair.stream, group, fields, copyOf)
          side.setLabel(group, position, label)
        })
        known.copies.get(group)!.push(label)
        pair.note(`copy to group ${group}: ${label}`)
      },
    ),
  )
