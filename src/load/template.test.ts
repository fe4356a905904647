import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { Template } from './template.ts'

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

describe('a template', () => {
  it('is filled in anew for each request', () => {
    const template = new Template('{"id":{{n}},"in":{"a":{{ n }}}}')
    expect([template.render(1), template.render(20)]).toEqual([
      '{"id":1,"in":{"a":1}}',
      '{"id":20,"in":{"a":20}}',
    ])
    const uuid = new Template('{{uuid}}')
    expect(uuid.render(1)).toMatch(UUID)
    expect(uuid.render(1)).not.toBe(uuid.render(1))
    const now = new Template('{{now}}').render(1)
    expect(new Date(now).toISOString()).toBe(now)
  })

  it('stays as it is without placeholders, whatever is in it', () => {
    const texts = fc
      .oneof(fc.string(), fc.constantFrom('größe 注文 👩‍👩‍👧', '}}{', '${n}', '\u0000\ud800'))
      .filter((text) => !text.includes('{{'))
    fc.assert(
      fc.property(texts, fc.nat(), (text, n) => {
        const template = new Template(text)
        expect(template.fixed).toBe(true)
        expect(template.render(n)).toBe(text)
      }),
    )
  })

  it('keeps what is around a placeholder, and evaluates nothing', () => {
    const texts = fc.string().filter((text) => !/[{}]/.test(text))
    fc.assert(
      fc.property(texts, texts, fc.nat(), (before, after, n) => {
        expect(new Template(`${before}{{n}}${after}`).render(n)).toBe(`${before}${n}${after}`)
      }),
    )
    expect(new Template('{{pick {{n}} $& `${1}`').render(1)).toBe('{{n $& `${1}`')
  })

  it('draws whole numbers, both ends included', () => {
    const ends = fc.tuple(fc.integer(), fc.nat(5))
    fc.assert(
      fc.property(ends, ([from, more]) => {
        const template = new Template(`{{random ${from} ${from + more}}}`)
        const drawn = new Set(Array.from({ length: 30 }, () => Number(template.render(1))))
        for (const number of drawn)
          expect(number - from).toBeOneOf(Array.from({ length: more + 1 }, (_, at) => at))
      }),
    )
    const coin = new Template('{{random 0 1}}')
    expect(new Set(Array.from({ length: 200 }, () => coin.render(1)))).toEqual(new Set(['0', '1']))
  })

  it('picks words, also several in quotes', () => {
    const city = new Template('{{pick "New York" Seattle}}')
    expect(new Set(Array.from({ length: 200 }, () => city.render(1)))).toEqual(
      new Set(['New York', 'Seattle']),
    )
  })

  it('is refused with every placeholder that is none, and the nearest', async () => {
    const error = await failureOf(
      () => new Template('{{uid}} {{random 5 1}} {{pick}} {{constructor}} {{n 1}} {{'),
    )
    expect(error).toMatchObject({
      code: 'CONFIGURATION_INVALID',
      issues: [
        { message: 'there is no placeholder {{uid}}; did you mean {{uuid}}?' },
        { message: expect.stringContaining('random wants two whole numbers') },
        { message: expect.stringContaining('pick wants words') },
        { message: 'there is no placeholder {{constructor}}; there are n, uuid, now, random, pick' },
        { message: '{{n}} takes no words, not "1"' },
        { message: 'a {{ has no }} behind it' },
      ],
    })
  })

  it.each([
    '{{random 1}}',
    '{{random 1 2 3}}',
    '{{random 1.5 2}}',
    '{{random 0x1 9}}',
    '{{random 1 1e9}}',
    '{{}}',
  ])('refuses %s', async (text) =>
    expect(await failureOf(() => new Template(text))).toMatchObject({ code: 'CONFIGURATION_INVALID' }),
  )
})
