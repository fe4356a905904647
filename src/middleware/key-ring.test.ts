import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { keyRing, type Keys } from './key-ring.ts'

const k1 = randomBytes(32)
const k2 = randomBytes(32)

describe('keys that are given', () => {
  test('as bytes or as base64 are found by their ids', async () => {
    const ring = keyRing({ current: 'k2', keys: { k1, k2: k2.toString('base64') } })
    expect((await ring.current()).id).toBe('k2')
    expect((await ring.find('k1'))!.secret.export()).toEqual(k1)
    expect((await ring.find('k2'))!.secret.export()).toEqual(k2)
    for (const id of ['k3', '__proto__', 'constructor', '']) expect(await ring.find(id)).toBeUndefined()
  })

  test.each<[string, unknown, string]>([
    ['no keys', {}, 'current'],
    ['nothing', undefined, 'current'],
    ['a current key that is not there', { current: 'k3', keys: { k1 } }, 'current'],
    ['a current key that objects have anyway', { current: 'constructor', keys: { k1 } }, 'current'],
    ['a key that is too short', { current: 'k1', keys: { k1, short: randomBytes(16) } }, 'keys.short'],
    ['a key in hexadecimal', { current: 'k1', keys: { k1: k1.toString('hex') } }, 'keys.k1'],
    ['a key that is no key', { current: 'k1', keys: { k1, none: 5 } }, 'keys.none'],
    ['an id without a name', { current: 'k1', keys: { k1, '': k2 } }, 'keys'],
  ])('are refused: %s', async (_what, keys, path) => {
    const failure = await failureOf(() => keyRing(keys as Keys))
    expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(failure.message).toContain(`${path}: `)
    expect(inspect(failure, { depth: 9 })).not.toContain(k1.toString('hex'))
  })

  test('are shown nowhere', async () => {
    const ring = keyRing({ current: 'k1', keys: { k1 } })
    const shown =
      inspect([ring, await ring.current()], { depth: 9, showHidden: true }) +
      JSON.stringify(await ring.current())
    for (const form of ['hex', 'base64'] as const) expect(shown).not.toContain(k1.toString(form))
    expect(shown).not.toContain(inspect(k1).slice(8, 30))
  })

  test.each([{ refreshMs: 0 }, { refreshMs: Number.NaN }, { timeoutMs: -1 }, { timeoutMs: Infinity }])(
    'with options that make no sense, %o, are refused',
    (options) => {
      expect(() => keyRing({ current: 'k1', keys: { k1 } }, options)).toThrow(
        expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
      )
    },
  )
})

describe('keys that are loaded', () => {
  afterEach(() => void vi.restoreAllMocks())

  /** What time it is for the ring. */
  const clock = () => {
    let now = 1_000_000
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    return { pass: (ms: number) => void (now += ms) }
  }

  test('are loaded once for all who ask, and again when they are old', async () => {
    const { pass } = clock()
    const load = vi.fn(async () => ({ current: 'k1', keys: { k1 } as Record<string, Buffer> }))
    const ring = keyRing(load, { refreshMs: 10_000 })
    expect(load).not.toHaveBeenCalled()
    const all = await Promise.all([ring.current(), ring.find('k1'), ring.current()])
    expect(all.map((key) => key!.id)).toEqual(['k1', 'k1', 'k1'])
    pass(9_999)
    await ring.current()
    expect(load).toHaveBeenCalledTimes(1)
    load.mockResolvedValue({ current: 'k2', keys: { k1, k2 } })
    pass(1)
    expect((await ring.current()).id).toBe('k1')
    await until('the rotation', async () => (await ring.current()).id === 'k2')
    expect((await ring.find('k1'))!.id).toBe('k1')
  })

  test('are loaded at once for an id that is not known, but not for each event', async () => {
    const { pass } = clock()
    const load = vi.fn<() => Keys>(() => ({ current: 'k1', keys: { k1 } }))
    const ring = keyRing(load)
    await ring.current()
    for (let n = 0; n < 50; n++) expect(await ring.find(`unknown ${n}`)).toBeUndefined()
    expect(load).toHaveBeenCalledTimes(1)
    load.mockReturnValue({ current: 'k1', keys: { k1, k2 } })
    pass(1_000)
    expect((await ring.find('k2'))!.id).toBe('k2')
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('stay in use while loading fails, hangs or gives nonsense', async () => {
    const { pass } = clock()
    const load = vi.fn<() => Keys | Promise<Keys>>(() => ({ current: 'k1', keys: { k1 } }))
    const ring = keyRing(load, { timeoutMs: 5 })
    await ring.current()
    for (const answer of [
      () => Promise.reject(new Error('gone')),
      () => ({}) as Keys,
      () => new Promise<Keys>(() => {}),
    ]) {
      load.mockImplementation(answer)
      pass(60_000)
      expect((await ring.current()).id).toBe('k1')
      pass(1_000)
      expect(await ring.find('other')).toBeUndefined()
      expect((await ring.find('k1'))!.id).toBe('k1')
    }
  })

  test('that never could be loaded are an error that says why, and no password', async () => {
    const { pass } = clock()
    const load = vi.fn<() => Keys | Promise<Keys>>(() =>
      Promise.reject(new Error('https://me:hidden@vault refused')),
    )
    const ring = keyRing(load, { timeoutMs: 5 })
    const failure = await failureOf(ring.current())
    expect(failure).toMatchObject({
      code: 'ENCRYPTION_KEY_UNKNOWN',
      message: "the keys can't be loaded: https://me:****@vault refused",
    })
    expect(await ring.find('k1')).toBeUndefined()
    pass(1_000)
    load.mockImplementation(() => new Promise(() => {}))
    expect((await failureOf(ring.current())).message).toContain('loading takes longer than 5 ms')
    pass(1_000)
    load.mockImplementation(() => ({ current: 'k1', keys: { k1 } }))
    expect((await ring.current()).id).toBe('k1')
  })
})
