import { beforeAll, describe, expect, it } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { widthOf } from '../output/text.ts'

const { server, admin } = useRedis()
const millrace = useCommand(server)
const WIDE = '注文イベント:日本語の長い名前のストリーム'

const add = (stream: string, id: string) => admin.send(['XADD', stream, id, 'type', 'a', 'data', '1'])

beforeAll(async () => {
  for (let n = 1; n <= 3; n++) await add('user:events', `${n}-0`)
  await admin.send(['XGROUP', 'CREATE', 'user:events', 'mailer', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'mailer', 'c1', 'COUNT', '2', 'STREAMS', 'user:events', '>'])
  await add(WIDE, '1-0')
  await add('{user:events}:dead-letter', '1-0')
  await admin.send(['SET', 'no-stream', '1'])
})

describe('stream ls', () => {
  it('lists streams with their numbers', async () => {
    const { code, out } = await millrace(['stream', 'ls', '--match', 'user:*'])
    expect(code).toBe(EXIT.ok)
    const [titles = '', row = ''] = out.split('\n')
    expect(titles).toMatch(/^STREAM {7}LENGTH {2}GROUPS {2}CONSUMERS {2}PENDING {2}LAG {2}DEAD +LAST ENTRY$/)
    expect(row).toMatch(/^user:events {7}3 {7}1 {10}1 {8}2 {4}1 {5}1 {2}\d+d( \d+h)? ago$/)
  })

  it('prints an array, in the order that was asked for', async () => {
    const { json } = await millrace(['stream', 'ls', '--json', '--sort', 'length'])
    expect(json).toMatchObject([
      { stream: 'user:events', length: 3, groups: 1, consumers: 1, pending: 2, lag: 1, deadLetters: 1 },
      { stream: WIDE, length: 1, groups: 0 },
    ])
    const companions = await millrace(['stream', 'ls', '--json', '--companions'])
    expect((companions.json as unknown[]).length).toBe(3)
  })

  it('fits a terminal, also with names as wide as they come', async () => {
    const { out } = await millrace(['stream', 'ls'], { terminal: { columns: 80 }, env: { NO_COLOR: '1' } })
    const lines = out.trimEnd().split('\n')
    expect(lines.map(widthOf).every((width) => width <= 80)).toBe(true)
    expect(out).toContain('注文')
    expect(out).toContain('…')
    expect(out).not.toContain('\u001b')
  })

  it('has colours on a terminal only', async () => {
    expect((await millrace(['stream', 'ls'], { terminal: { columns: 80 } })).out).toContain('\u001b[')
    expect((await millrace(['stream', 'ls'])).out).not.toContain('\u001b[')
  })

  it('refuses an order that is none', async () => {
    const { code, err } = await millrace(['stream', 'ls', '--sort', 'size'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('Allowed choices are name, length, lag, pending')
  })

  it('says so where there are none', async () => {
    const { code, out, err } = await millrace(['stream', 'ls', '--match', 'nothing*'])
    expect([code, out, err]).toEqual([EXIT.ok, '', 'there are no such streams\n'])
    expect((await millrace(['stream', 'ls', '--match', 'nothing*', '--json'])).json).toEqual([])
  })
})

describe('stream info', () => {
  it('shows a stream and its groups', async () => {
    const { code, out } = await millrace(['stream', 'info', 'user:events'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/^stream +user:events\nlength +3\nfirst +1-0 \(.* ago\)\nlast +3-0/)
    expect(out).toMatch(/^mailer +1 +2 +0 +\S+(?: \S+)? +1 +2-0 +running$/m)
  })

  it('prints an object', async () => {
    const { json } = await millrace(['stream', 'info', 'user:events', '--json'])
    const mailer = { group: 'mailer', behind: 1, pending: 2, consumers: 1 }
    expect(json).toMatchObject({
      stream: 'user:events',
      length: 3,
      trimmedUnread: {},
      groups: [mailer],
      holds: [],
    })
  })

  it('suggests the name that was meant', async () => {
    const { code, err } = await millrace(['stream', 'info', 'user:event'])
    expect(code).toBe(EXIT.notFound)
    expect(err).toBe('error: there is no stream "user:event"; did you mean "user:events"?\n')
  })

  it('says that a key is something else', async () => {
    const { code, err } = await millrace(['stream', 'info', 'no-stream'])
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain('holds something else than a stream')
  })
})

it('stream tail is tail', async () => {
  const { out } = await millrace(['stream', 'tail', 'user:events', '--from', '2-0', '--no-follow', '--json'])
  expect(JSON.parse(out)).toMatchObject({ position: '3-0', type: 'a', data: 1 })
})

describe('stream copy', () => {
  it('copies the entries, once there is no such stream', async () => {
    const args = ['stream', 'copy', 'user:events', '{user:events}:copy']
    const dry = await millrace([...args, '--dry-run'])
    expect(dry.out).toBe('3 entries would be copied to {user:events}:copy\n')
    expect(await admin.send(['EXISTS', '{user:events}:copy'])).toBe(0)
    expect(await millrace(args)).toMatchObject({
      code: EXIT.ok,
      out: 'copied 3 entries of user:events to {user:events}:copy\n',
    })
    const again = await millrace(args)
    expect(again.code).toBe(EXIT.failed)
    expect(again.err).toContain('is there already, with 3 entries')
  })
})

describe('stream trim', () => {
  beforeAll(async () => {
    for (let n = 1; n <= 5; n++) await add('old', `${n}-0`)
  })

  it('says what would go, asks for the name, and drops it', async () => {
    const args = ['stream', 'trim', 'old', '--max-length', '2']
    expect(await millrace([...args, '--dry-run'])).toMatchObject({
      code: EXIT.ok,
      out: '3 entries would be dropped\n',
    })
    const unsaid = await millrace(args)
    expect(unsaid.code).toBe(EXIT.usage)
    expect(unsaid.err).toContain('add --yes old')
    expect(await admin.send(['XLEN', 'old'])).toBe(5)
    expect(await millrace([...args, '--yes', 'old', '--json'])).toMatchObject({
      code: EXIT.ok,
      json: { kind: 'trim', state: 'done' },
    })
    expect(await admin.send(['XLEN', 'old'])).toBe(2)
  })

  it('takes what is unread only with --hard', async () => {
    await admin.send(['XGROUP', 'CREATE', 'old', 'late', '0'])
    const args = ['stream', 'trim', 'old', '--max-length', '1', '--yes', 'old']
    expect((await millrace(args)).err).toContain(
      "1 entry more can't go yet, since a group or a hold needs them: see millrace stream info old",
    )
    expect(await admin.send(['XLEN', 'old'])).toBe(2)
    const dry = await millrace([...args, '--hard', '--dry-run'])
    expect(dry.out).toContain('1 entry of them though needed')
    await millrace([...args, '--hard'])
    expect(await admin.send(['XLEN', 'old'])).toBe(1)
  })

  it.each([
    [[], 'say what may go'],
    [['--max-age', '7 days'], 'a length of time such as 500ms'],
    [['--before', 'yesterday'], 'a position such as 1700000000000-0'],
    [['--before', '1-0', '--max-age', '1d'], 'cannot be used with'],
    [['--max-age', '1d', '--hard'], '--hard needs --max-length'],
  ])('refuses %j', async (flags, message) => {
    const { code, err } = await millrace(['stream', 'trim', 'old', ...flags])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain(message)
  })
})
