import { beforeEach, describe, expect, it } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'

const { server, admin } = useRedis()
const millrace = useCommand(server)

/** Three entries, two of them delivered to a consumer of a group, and one entry of a minute's time. */
beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  for (let n = 1; n <= 3; n++) await admin.send(['XADD', 'orders', `${n}-0`, 'type', 'a', 'data', '1'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'mail er', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'mail er', 'c1', 'COUNT', '2', 'STREAMS', 'orders', '>'])
})

/** What operators did, as it is written down. */
async function actions(): Promise<unknown[]> {
  const { json } = await millrace([
    'stream',
    'tail',
    '{orders}:actions',
    '--from',
    '0',
    '--no-follow',
    '--json',
  ]).then(({ out }) => ({
    json: out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown),
  }))
  return json
}

describe('group ls and info', () => {
  it('show groups', async () => {
    const { code, out } = await millrace(['group', 'ls', 'orders'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(
      /^GROUP +LAG +PENDING +RETRYING +OLDEST +CONSUMERS +LAST DELIVERED +STATE\nmail er +1 +2 /,
    )
    const { json } = await millrace(['group', 'ls', 'orders', '--json'])
    expect(json).toMatchObject([
      { group: 'mail er', behind: 1, pending: 2, consumers: 1, lastDelivered: '2-0' },
    ])
  })

  it('show one, its consumers, and how it fares', async () => {
    const { code, out } = await millrace(['group', 'info', 'orders', 'mail er'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/^group +mail er$/m)
    expect(out).toMatch(/^verdict +[a-z-]+: /m)
    expect(out).toMatch(/^c1 +live +2 /m)
    const { json } = await millrace(['group', 'info', 'orders', 'mail er', '--json'])
    expect(json).toMatchObject({
      stream: 'orders',
      group: 'mail er',
      consumers: [{ name: 'c1', pending: 2 }],
      explanation: { group: 'mail er' },
    })
  })

  it('suggest the names that were meant', async () => {
    const group = await millrace(['group', 'info', 'orders', 'mailer'])
    expect(group.code).toBe(EXIT.notFound)
    expect(group.err).toContain('did you mean "mail er"?')
    const stream = await millrace(['group', 'ls', 'order'])
    expect(stream.code).toBe(EXIT.notFound)
    expect(stream.err).toContain('did you mean "orders"?')
  })
})

describe('group create', () => {
  it('makes a group once', async () => {
    const args = ['group', 'create', 'orders', 'late', '--start', 'end']
    expect(await millrace(args)).toMatchObject({
      code: EXIT.ok,
      out: 'created the group "late" on "orders"\n',
    })
    expect((await millrace([...args, '--json'])).json).toEqual({
      stream: 'orders',
      group: 'late',
      created: false,
    })
    expect((await millrace(['group', 'ls', 'orders', '--json'])).json).toMatchObject([
      { group: 'late', lastDelivered: '3-0' },
      {},
    ])
  })

  it('makes the stream as well where it is told to', async () => {
    const args = ['group', 'create', 'not-yet', 'g', '--create-stream']
    expect(await millrace(args)).toMatchObject({ code: EXIT.ok, out: 'created the group "g" on "not-yet"\n' })
    expect((await millrace(['group', 'ls', 'not-yet', '--json'])).json).toMatchObject([{ group: 'g' }])
  })

  it('refuses a place that is none, and a stream that is not there', async () => {
    expect((await millrace(['group', 'create', 'orders', 'g', '--start', 'noon'])).code).toBe(EXIT.usage)
    expect((await millrace(['group', 'create', 'nowhere', 'g'])).code).toBe(EXIT.notFound)
  })
})

describe('group pause and resume', () => {
  it('say whether they changed something, and write down who did it', async () => {
    const args = ['orders', 'mail er', '--actor', 'ada', '--reason', 'a drill']
    expect((await millrace(['group', 'pause', ...args])).out).toBe('the group "mail er" is paused\n')
    expect((await millrace(['group', 'pause', ...args, '--json'])).json).toMatchObject({
      paused: true,
      changed: false,
    })
    expect((await millrace(['group', 'ls', 'orders'])).out).toMatch(/ paused$/m)
    expect((await millrace(['group', 'resume', ...args])).out).toBe('the group "mail er" is running\n')
    expect(JSON.stringify(await actions())).toContain('a drill')
  })
})

it('an operator needs a name that can be written down, and a group that is there', async () => {
  const nameless = await millrace(['group', 'pause', 'orders', 'mail er', '--actor', ''])
  expect(nameless.code).toBe(EXIT.usage)
  expect(nameless.err).toContain('the actor must be a text')
  for (const verb of ['pause', 'resume']) {
    const unknown = await millrace(['group', verb, 'orders', 'mail-er'])
    expect(unknown.code).toBe(EXIT.notFound)
    expect(unknown.err).toContain('did you mean "mail er"?')
  }
})

describe('group reset', () => {
  const reset = (...more: string[]) => millrace(['group', 'reset', 'orders', 'mail er', ...more])

  it('says first what it would mean', async () => {
    const { code, out, err } = await reset('--to', 'start', '--dry-run', '--force')
    expect(code).toBe(EXIT.ok)
    expect(out).toContain('from 2-0 to 0-0: 2 entries will be read again')
    expect(err).toBe('nothing was changed: a dry run\n')
    expect((await reset('--to', 'end', '--dry-run', '--json')).json).toMatchObject({
      direction: 'forward',
      entries: 1,
      to: '3-0',
      dryRun: true,
    })
  })

  it('asks for the name, and resets', async () => {
    const unsaid = await reset('--to', 'end')
    expect(unsaid.code).toBe(EXIT.usage)
    expect(unsaid.err).toContain(`add --yes 'mail er'`)
    const wrong = await reset('--to', 'end', '--yes', 'mailer')
    expect(wrong.code).toBe(EXIT.usage)
    const done = await reset('--to', 'end', '--yes', 'mail er', '--force', '--pending', 'drop', '--json')
    expect(done.json).toMatchObject({ from: '2-0', to: '3-0', dropped: 2, kept: 0 })
  })

  it('takes a moment, and the answer of whoever is asked', async () => {
    const terminal = { columns: 80 }
    const args = ['group', 'reset', 'orders', 'mail er', '--to', '1970-01-01T00:00:00.002Z', '--force']
    const { code, err } = await millrace(args, { terminal, input: 'mail er\n' })
    expect(err).toContain('Type "mail er" to go on')
    expect(code).toBe(EXIT.ok)
    expect((await millrace(['group', 'ls', 'orders', '--json'])).json).toMatchObject([{ behind: 2 }])
  })

  it.each(['tomorrow', '2027-13-45', '1-'])('refuses to reset to %s', async (place) => {
    const { code, err } = await reset('--to', place, '--yes', 'mail er')
    expect(code).toBe(EXIT.usage)
    expect(err).toContain(place)
  })
})

describe('group delete', () => {
  const remove = (...more: string[]) => millrace(['group', 'delete', 'orders', 'mail er', '--force', ...more])
  const isThere = async () => (await admin.send<unknown[]>(['XINFO', 'GROUPS', 'orders'])).length === 1

  it('says what goes with it, asks for the name, and deletes', async () => {
    const dry = await remove('--dry-run')
    expect(dry.out).toContain('goes with it: 2 pending, 1 not read')
    expect(dry.err).toContain('nothing was changed')
    for (const more of [['--dry-run'], ['--yes', 'mail er']]) {
      const unforced = await millrace(['group', 'delete', 'orders', 'mail er', ...more])
      expect(unforced).toMatchObject({
        code: EXIT.failed,
        err: expect.stringContaining('live: c1. Stop them'),
      })
    }
    expect((await remove()).code).toBe(EXIT.usage)
    expect((await remove('--yes', 'orders')).code).toBe(EXIT.usage)
    expect(await isThere()).toBe(true)
    expect((await remove('--yes', 'mail er', '--json')).json).toMatchObject({
      pending: 2,
      behind: 1,
      dryRun: false,
    })
    expect(await isThere()).toBe(false)
    expect((await remove('--yes', 'mail er')).code).toBe(EXIT.notFound)
  })
})
