import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const { server, admin } = useRedis()
let io: CapturedIo

beforeEach(() => admin.send(['FLUSHALL']))
afterEach(() => io.remove())

function key(args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url, SERVICE_NAME: 'orders', ...env })
  return run(io, ['key', ...args])
}

const create = (name: string, scopes: string, ...more: string[]) =>
  key(['create', '--store', '--name', name, '--scopes', scopes, ...more])

const names = async () => {
  await key(['ls', '--json'])
  return (io.json[0] as { name: string }[]).map(({ name }) => name)
}

describe('stored keys', () => {
  it('are made, printed once, listed without the key, and taken away', async () => {
    expect(await create('ops', 'admin', '--actor', 'ada', '--expires', '2999-01-01')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^mr_[\da-f]{8}_[\w-]{43}\n$/)
    const made = io.stdout.text.trim()
    expect(io.stderr.text).toContain('All instances of orders accept it')
    expect(io.stderr.text).not.toContain(made)
    await create('ops2', 'read+admin')
    expect(await key(['ls'])).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^ops +admin +2999-01-01T00:00:00.000Z +stored +\S+Z +ada$/m)
    expect(io.stdout.text).toMatch(/^ops2 +read\+admin +never/m)
    expect(io.stdout.text).not.toContain('mr_')
    expect(await key(['revoke', 'ops', '--yes', 'ops'])).toBe(EXIT.ok)
    expect(await names()).toEqual(['ops2'])
  })

  it('print JSON', async () => {
    expect(await create('ops', 'admin', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      { key: expect.stringMatching(/^mr_/), info: { name: 'ops', origin: 'stored' } },
    ])
    await create('ci', 'read')
    expect(await key(['revoke', 'ci', '--yes', 'ci', '--json'])).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ name: 'ci', scopes: ['read'] }])
  })

  it('belong to one service', async () => {
    await create('ops', 'admin')
    expect(await key(['ls', '--service', 'billing'])).toBe(EXIT.ok)
    expect(io.stderr.text).toContain('billing has no keys')
  })

  it('are not taken away without their name, nor by a dry run', async () => {
    await create('ops', 'admin')
    await create('ci', 'read')
    expect(await key(['revoke', 'ci'])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('add --yes ci to do it')
    expect(await key(['revoke', 'ci', '--yes', 'ops'])).toBe(EXIT.usage)
    expect(await key(['revoke', 'ci', '--dry-run'])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe('the key "ci" would be taken away\n')
    expect(await names()).toEqual(['ci', 'ops'])
  })

  it('say that a name is unknown, taken, or the last of its kind', async () => {
    await create('ops', 'admin')
    expect(await key(['revoke', 'opps', '--yes', 'opps'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "ops"?')
    expect(await create('ops', 'read')).toBe(EXIT.failed)
    expect(io.stderr.text).toContain('there is a stored key "ops" already')
    expect(await key(['revoke', 'ops', '--yes', 'ops'])).toBe(EXIT.failed)
    expect(io.stderr.text).toContain('last key of the scope "admin"')
    expect(await create('x', 'write')).toBe(EXIT.usage)
  })
})
