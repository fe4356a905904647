import { beforeEach, describe, expect, it } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'

const { server, admin } = useRedis()
const millrace = useCommand(server)

/** A group of other software: `dead` holds two of three entries, `alive` holds nothing. */
beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  for (let n = 1; n <= 3; n++) await admin.send(['XADD', 'orders', `${n}-0`, 'type', 'a', 'data', '1'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'billing', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'billing', 'dead', 'COUNT', '2', 'STREAMS', 'orders', '>'])
  await admin.send(['XGROUP', 'CREATECONSUMER', 'orders', 'billing', 'alive'])
})

const holders = async () => {
  const rows = await admin.send<[string, string][]>(['XPENDING', 'orders', 'billing', '-', '+', '10'])
  return rows.map(([id, consumer]) => `${id} ${consumer}`)
}

describe('consumer ls', () => {
  it('lists consumers', async () => {
    const { code, out } = await millrace(['consumer', 'ls', 'orders', 'billing'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/^CONSUMER +STATE +PENDING +IDLE +HEARTBEAT\nalive +live +0 .*\ndead +live +2 /)
    const { json } = await millrace(['consumer', 'ls', 'orders', 'billing', '--json', '--dead-after', '0s'])
    expect(json).toMatchObject([{ name: 'alive' }, { name: 'dead', pending: 2 }])
  })

  it('suggests the group that was meant', async () => {
    const { code, err } = await millrace(['consumer', 'ls', 'orders', 'biling'])
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain('did you mean "billing"?')
  })
})

describe('consumer claim', () => {
  const claim = (...more: string[]) =>
    millrace(['consumer', 'claim', 'orders', 'billing', '--to', 'alive', '--force', ...more])

  it('hands over what one holds, or single entries', async () => {
    expect((await claim('--from', 'dead', '--dry-run')).out).toBe('2 entries would be handed to alive\n')
    expect(await holders()).toEqual(['1-0 dead', '2-0 dead'])
    expect((await claim('--position', '1-0', '--json')).json).toMatchObject({
      done: 1,
      missing: 0,
      dryRun: false,
    })
    expect((await claim('--from', 'dead')).out).toBe('handed to alive 1 entry\n')
    expect(await holders()).toEqual(['1-0 alive', '2-0 alive'])
  })

  it.each([
    [[], 'say which entries'],
    [['--position', 'first'], 'a position such as'],
    [['--from', 'dead', '--position', '1-0'], 'cannot be used with'],
  ])('refuses %j', async (flags, message) => {
    const { code, err } = await claim(...flags)
    expect(code).toBe(EXIT.usage)
    expect(err).toContain(message)
  })

  it('suggests the consumer that was meant', async () => {
    const { code, err } = await claim('--from', 'ded')
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain('did you mean "dead"?')
  })
})

describe('consumer release', () => {
  it('tells of a group of other software that nobody would come for', async () => {
    const { code, err } = await millrace(['consumer', 'release', 'orders', 'billing', 'dead', '--force'])
    expect(code).toBe(EXIT.failed)
    expect(err).toContain('error: ')
    expect(await holders()).toEqual(['1-0 dead', '2-0 dead'])
  })
})

describe('consumer rm', () => {
  const remove = (name: string, ...more: string[]) =>
    millrace(['consumer', 'rm', 'orders', 'billing', name, '--dead-after', '1ms', ...more])

  it('refuses one that holds something', async () => {
    const { code, err } = await remove('dead', '--yes', 'dead')
    expect(code).toBe(EXIT.failed)
    expect(err).toContain('dead')
  })

  it('asks for the name, and removes one that holds nothing', async () => {
    await expect.poll(async () => (await remove('alive', '--dry-run')).out).toContain('would be removed')
    expect((await remove('alive')).code).toBe(EXIT.usage)
    expect((await remove('alive', '--yes', 'alive', '--json')).json).toEqual({ removed: true, dryRun: false })
  })
})

describe('pending ls', () => {
  it('lists what is pending', async () => {
    const { code, out } = await millrace(['pending', 'ls', 'orders', 'billing'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(
      /^POSITION +AGE +CONSUMER +IDLE +DELIVERIES +RETRY\n1-0 +\S+(?: \S+)? +dead +\S+ +1 +-\n2-0 /,
    )
  })

  it('prints a page, and where the next one begins', async () => {
    const args = ['pending', 'ls', 'orders', 'billing', '--json', '--limit', '1']
    const first = (await millrace(args)).json as { entries: unknown[]; next: string }
    expect(first).toMatchObject({ entries: [{ position: '1-0', consumer: 'dead', deliveries: 1 }] })
    const second = (await millrace([...args, '--after', first.next])).json
    expect(second).toMatchObject({ entries: [{ position: '2-0' }] })
  })

  it('takes filters', async () => {
    const args = ['pending', 'ls', 'orders', 'billing', '--json']
    expect((await millrace([...args, '--min-idle', '1h'])).json).toEqual({ entries: [] })
    expect((await millrace([...args, '--consumer', 'alive'])).json).toEqual({ entries: [] })
    expect((await millrace([...args, '--min-idle', 'long'])).code).toBe(EXIT.usage)
    expect((await millrace([...args, '--limit', '0'])).code).toBe(EXIT.usage)
  })
})

describe('pending ack', () => {
  const acknowledge = (...more: string[]) =>
    millrace(['pending', 'ack', 'orders', 'billing', '1-0', '9-0', '--force', ...more])

  it('asks for the name, and settles what is pending', async () => {
    expect(await acknowledge('--dry-run')).toMatchObject({
      out: '1 entry would be acknowledged\n',
      err: 'nothing was changed: a dry run\n1 position not pending in this group\n',
    })
    expect((await acknowledge()).code).toBe(EXIT.usage)
    expect((await acknowledge('--yes', 'billing', '--json')).json).toMatchObject({ done: 1, missing: 1 })
    expect(await holders()).toEqual(['2-0 dead'])
  })

  it('refuses a position that is none', async () => {
    const { code, err } = await millrace(['pending', 'ack', 'orders', 'billing', '1-0-0', '--yes', 'billing'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('a position such as')
  })
})
