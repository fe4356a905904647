import * as fc from 'fast-check'
import type { NewEntry } from '../../../src/core/stream-log.ts'
import { step, type Step } from './step.ts'

/** With and without what makes an entry an event of Millrace, of which dead letters remember more. */
export const CONTENTS: readonly (readonly string[])[] = [
  ['number', '1'],
  ['type', 'order.placed', 'data', '{}'],
  ['type', 'order.placed', 'data', '{"__proto__":1}', 'id', 'order-1', 'source', 'shop'],
  ['__proto__', 'ünï \u0000', '', ''],
]

const content = fc.constantFrom(...CONTENTS)

const entry: fc.Arbitrary<NewEntry> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ fields: content }) },
  { weight: 4, arbitrary: fc.record({ fields: content, idempotencyKey: fc.constantFrom('k1', 'k2') }) },
  { weight: 1, arbitrary: fc.record({ fields: fc.constantFrom<string[]>([], ['odd']) }) },
)

function textOf({ fields, idempotencyKey }: NewEntry): string {
  const content = CONTENTS.includes(fields) ? `content ${CONTENTS.indexOf(fields)}` : 'nonsense'
  return idempotencyKey === undefined ? content : `${content} under ${idempotencyKey}`
}

export const append: fc.Arbitrary<Step> = fc
  .array(entry, { minLength: 1, maxLength: 5, size: 'max' })
  .map((entries) =>
    step(
      `append ${entries.map(textOf).join(', ')}`,
      () => true,
      async (known, pair) => {
        const results = await pair.each((side) => side.log.append(pair.stream, entries))
        known.wrote(await pair.label(pair.stream))
        const [memory, redis] = pair.sides.map((side, index) =>
          results[index]!.map((one) => (typeof one === 'string' ? side.label(pair.stream, one) : one.code)),
        )
        pair.agree('append', [memory, redis])
      },
    ),
  )
