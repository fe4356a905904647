import { describe, expect, it } from 'vitest'
import { InvalidError } from '../core/errors.ts'
import { Access } from './access.ts'
import { digestOfKey, keyItem, randomKey } from './api-key.ts'
import { ApiKeys } from './api-keys.ts'

const digest = digestOfKey('any').toString('hex')

function issuesOf(items: string[]): string[] {
  try {
    // oxlint-disable-next-line no-new -- that it throws is the point
    new ApiKeys(items)
  } catch (error) {
    if (error instanceof InvalidError && error.code === 'CONFIGURATION_INVALID')
      return error.issues.map(({ message }) => message)
    throw error
  }
  return []
}

describe('a key', () => {
  it('has a form that scanners can look for, and 256 random bits', () => {
    const keys = Array.from({ length: 100 }, randomKey)
    for (const key of keys) expect(key).toMatch(/^mr_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/)
    expect(new Set(keys.map((key) => key.slice(12))).size).toBe(100)
    expect(Buffer.from(keys[0]!.slice(12), 'base64url')).toHaveLength(32)
  })

  it('is found by its digest alone, with its name and scopes', () => {
    const [ci, ops] = [randomKey(), randomKey()]
    const keys = new ApiKeys([keyItem(ci, 'ci', 'publish+read'), keyItem(ops, 'ops', 'admin')])
    expect(keys.find(ci)).toEqual({ name: 'ci', scopes: new Set(['publish', 'read']) })
    expect(keys.find(ops)).toEqual({ name: 'ops', scopes: new Set(['admin']) })
    const item = keyItem(ci, 'ci', 'read')
    for (const wrong of [
      randomKey(),
      '',
      'mr_',
      `${ci} `,
      ci.slice(0, -1),
      item,
      item.split(':')[2]!,
      'x'.repeat(1e6),
    ])
      expect(keys.find(wrong)).toBeUndefined()
  })

  it('is refused from its expiry on', () => {
    const key = randomKey()
    const at = (ms: number) =>
      new ApiKeys([keyItem(key, 'ci', 'read', new Date(Date.now() + ms).toISOString())])
    expect(at(60_000).find(key)).toBeDefined()
    expect(at(-1).find(key)).toBeUndefined()
    expect(at(-1).expired).toEqual(['ci'])
    expect(new ApiKeys([keyItem(key, 'ci', 'read', '2020-01-01')]).find(key)).toBeUndefined()
    expect(new ApiKeys([keyItem(key, 'ci', 'read', '9999-12-31T23:59:59+02:00')]).find(key)).toBeDefined()
  })

  it('can be followed by another of the same name, both valid for a while', () => {
    const [old, next] = [randomKey(), randomKey()]
    const items = [keyItem(old, 'ci', 'read'), keyItem(next, 'ci', 'read')]
    const keys = new ApiKeys(items)
    expect([keys.find(old)?.name, keys.find(next)?.name]).toEqual(['ci', 'ci'])
    keys.replace(items.slice(1))
    expect([keys.find(old), keys.find(next)?.name]).toEqual([undefined, 'ci'])
  })

  it('stays valid where the list that replaces it has a mistake', () => {
    const key = randomKey()
    const keys = new ApiKeys([keyItem(key, 'ci', 'read')])
    expect(() => keys.replace(['broken'])).toThrow('API_KEYS can not be used')
    expect(keys.find(key)).toBeDefined()
  })
})

describe('mistakes in the list', () => {
  it('are all named, and show no digest and no key', () => {
    const key = randomKey()
    const items = [
      `ci:publish+write:${digest}`,
      `two words:read:${digest.slice(1)}`,
      `ops:admin:${key}`,
      `${key}:admin`,
      digest,
      `late:read:${'a'.repeat(64)}:tomorrow`,
      `feb:read:${'b'.repeat(64)}:2027-02-30`,
      `upper:read:${'C'.repeat(64)}`,
      `ok:read:${digest}`,
    ]
    const issues = issuesOf(items)
    expect(issues).toEqual([
      expect.stringContaining('item 1 (ci) has no proper scopes; wanted: any of read, publish, admin'),
      expect.stringContaining('item 2 (78 characters) has no proper name'),
      expect.stringContaining('item 2 (78 characters) has no proper digest'),
      expect.stringContaining('item 3 (65 characters) holds a key itself'),
      expect.stringContaining('item 4 (61 characters) holds a key itself'),
      expect.stringContaining('item 5 (64 characters) has no proper scopes'),
      expect.stringContaining('item 5 (64 characters) has no proper digest'),
      expect.stringContaining('item 6 (late) has no proper expiry'),
      expect.stringContaining('item 7 (feb) has no proper expiry'),
      expect.stringContaining('item 8 (75 characters) has no proper digest'),
      'items 1 and 9 are of the same key',
    ])
    expect(issues.join()).not.toContain(digest.slice(1))
    expect(issues.join()).not.toContain(key)
  })

  it('show nothing but the length of what has not the form of an item: it may be a password', () => {
    for (const item of [
      'canary',
      'canary:read',
      'canary:read:canary',
      `canary:${digest}`,
      'a:canary:b:c:d:e',
    ])
      expect(issuesOf([item]).join()).toMatch(
        new RegExp(`^(?!.*canary).*item 1 \\(${item.length} characters\\)`),
      )
  })

  it('say which words were wrong when a key is made', () => {
    const make = () => keyItem(randomKey(), 'a:b', 'write')
    expect(make).toThrow('--name: wanted: 1 to 64 letters')
    expect(() => keyItem(randomKey(), 'ci', '')).toThrow('has no proper scopes')
    expect(() => keyItem(randomKey(), 'ci', 'read', '01.02.2027')).toThrow('has no proper expiry')
  })
})

describe('access', () => {
  const key = randomKey()
  const item = keyItem(key, 'ci', 'read')
  const ask = (headers: Record<string, string>, access = new Access(new ApiKeys([item]))) =>
    access.authenticate(new Headers(headers))

  it.each([
    [{ authorization: `Bearer ${key}` }],
    [{ authorization: `bearer   ${key}` }],
    [{ 'x-api-key': key }],
    [{ authorization: 'Basic Z2F0ZXdheTpw', 'x-api-key': key }],
  ])('takes %j', async (headers) => expect(await ask(headers)).toMatchObject({ name: 'ci' }))

  it('knows nobody without a credential', async () => expect(await ask({})).toBeUndefined())

  it.each([
    [{ authorization: key }],
    [{ authorization: 'Bearer' }],
    [{ authorization: 'Bearer ' }],
    [{ authorization: `Bearer ${key} ${key}` }],
    [{ authorization: `Bearer ${key},${key}` }],
    [{ authorization: `Basic ${key}` }],
    [{ authorization: `Bearer ${randomKey()}`, 'x-api-key': key }],
    [{ 'x-api-key': '' }],
    [{ 'x-api-key': `${key}, ${key}` }],
    [{ 'x-api-key': digestOfKey(key).toString('hex') }],
    [{ authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' }],
  ])('refuses %j in the same words', async (headers) => {
    const refusal = await ask(headers).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringMatching(/^the key or token is not accepted; it may be unknown/),
    })
    expect(String(refusal)).not.toContain(key)
  })

  it('is open without keys, closed from the first one on, and never opened by a reload', async () => {
    const access = new Access(new ApiKeys([]))
    expect(access.open).toBe(true)
    access.replace([])
    access.replace([item])
    expect(access.open).toBe(false)
    expect(() => access.replace([])).toThrow('would lock everybody out')
    expect(await ask({ 'x-api-key': key }, access)).toMatchObject({ name: 'ci' })
  })
})
