import { afterEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { ApiKeys } from '../../security/api-keys.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

let io: CapturedIo
afterEach(() => io?.remove())

async function create(...args: string[]): Promise<number> {
  io = new CapturedIo()
  return run(io, ['key', 'create', ...args])
}

describe('key create', () => {
  it('prints the key alone, once, and says what to add to API_KEYS', async () => {
    expect(await create('--name', 'ci', '--scopes', 'publish+read', '--expires', '2999-01-01')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^mr_[\da-f]{8}_[\w-]{43}\n$/)
    const key = io.stdout.text.trim()
    expect(io.stderr.text).not.toContain(key)
    const item = /^ {2}(ci:publish\+read:[\da-f]{64}:2999-01-01)$/m.exec(io.stderr.text)?.[1]
    expect(new ApiKeys([item!]).find(key)).toEqual({ name: 'ci', scopes: new Set(['publish', 'read']) })
  })

  it('prints both as JSON', async () => {
    expect(await create('--name', 'ops', '--scopes', 'admin', '--json')).toBe(EXIT.ok)
    const [made] = io.json as { key: string; item: string }[]
    expect(new ApiKeys([made!.item]).find(made!.key)).toMatchObject({ name: 'ops' })
    expect(io.stderr.text).toBe('')
  })

  it('refuses mistakes, all of them', async () => {
    expect(await create('--name', 'ci', '--scopes', 'write', '--expires', 'soon')).toBe(EXIT.usage)
    expect(io.stdout.text).toBe('')
    expect(io.stderr.text).toContain('no proper scopes')
    expect(io.stderr.text).toContain('no proper expiry')
    expect(await create('--name', 'two words', '--scopes', 'read')).toBe(EXIT.usage)
    expect(await create('--scopes', 'read')).toBe(EXIT.usage)
  })
})
