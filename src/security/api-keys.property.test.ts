import {
  array,
  assert,
  constantFrom,
  date,
  oneof,
  option,
  property,
  record,
  string,
  subarray,
  tuple,
} from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCOPES } from '../core/access.ts'
import { InvalidError } from '../core/errors.ts'
import { digestOfKey, keyItem, randomKey } from './api-key.ts'
import { ApiKeys } from './api-keys.ts'

const key = constantFrom(...Array.from({ length: 8 }, randomKey))
const name = string({ unit: constantFrom(...'abzAZ09._@/-'), minLength: 1, maxLength: 64 })
const scopes = subarray([...SCOPES], { minLength: 1 })
const expiry = date({ noInvalidDate: true, min: new Date('2000-01-01'), max: new Date('2200-01-01') })
const declared = record({ key, name, scopes, expires: option(expiry, { nil: undefined }) })

describe('a list of keys', () => {
  it('lets in whom it names, until then, with those scopes, and nobody else', () => {
    assert(
      property(array(declared, { maxLength: 8 }), key, (all, stranger) => {
        const distinct = [...new Map(all.map((one) => [one.key, one])).values()]
        const keys = new ApiKeys(
          distinct.map(({ key, name, scopes, expires }) =>
            keyItem(key, name, scopes.join('+'), expires?.toISOString()),
          ),
        )
        for (const { key, name, scopes, expires } of distinct) {
          const isGood = expires === undefined || expires.getTime() > Date.now()
          expect(keys.find(key)).toEqual(isGood ? { name, scopes: new Set(scopes) } : undefined)
        }
        const isNamed = distinct.some(({ key }) => key === stranger)
        expect(isNamed || keys.find(stranger) === undefined).toBe(true)
      }),
    )
  })

  it('of anything at all is taken, or refused with every item at fault, and shows neither key nor digest', () => {
    const digest = digestOfKey('canary').toString('hex')
    const secret = oneof(constantFrom(digest, digest.slice(1), digest.toUpperCase()), key)
    const part = oneof(
      string({ unit: 'binary' }),
      secret,
      name,
      constantFrom('', 'read', 'publish+admin', '2030-01-01'),
    )
    const item = oneof(
      string({ unit: 'binary' }),
      tuple(part, part, part, part).map((parts) => parts.join(':')),
      tuple(part, part, part).map((parts) => parts.join(':')),
    )
    assert(
      property(array(item, { maxLength: 5 }), (items) => {
        const issues = issuesOf(items)
        expect(issues.every(({ path }) => path === 'API_KEYS')).toBe(true)
        const shown = JSON.stringify(issues)
        for (const hidden of [digest.slice(1), digest.slice(1).toUpperCase(), 'mr_'])
          expect(shown).not.toContain(hidden)
      }),
      { numRuns: 1_000 },
    )
  })
})

function issuesOf(items: readonly string[]) {
  try {
    return new ApiKeys(items).size === items.length ? [] : [{ path: 'an item is lost', message: '' }]
  } catch (error) {
    if (error instanceof InvalidError && error.code === 'CONFIGURATION_INVALID') return error.issues
    throw error
  }
}
