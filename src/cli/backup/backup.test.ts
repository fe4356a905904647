import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bury } from '../../../test/support/bury.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const { server, admin } = useRedis()
const log = useLog(server)
let io: CapturedIo

beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  io = new CapturedIo({ REDIS_URL: server.url })
  await bury(log, { stream: 'user:events', data: [1, 2, 3] })
  await log.append('orders', [{ fields: ['type', 'a', 'data', '1'] }, { fields: ['type', 'a', 'data', '2'] }])
})
afterEach(() => io.remove())

/** Each command in the same folder, with an Io of its own. */
function millrace(...args: string[]): Promise<number> {
  Object.assign(io.stdout, { text: '' })
  Object.assign(io.stderr, { text: '' })
  return run(io, args)
}
const path = (name: string) => join(io.cwd, name)
const keys = async () =>
  (await admin.send<string[]>(['KEYS', '*'])).filter((key) => !key.includes('millrace:')).toSorted()
const backup = (...args: string[]) => millrace('backup', '--to', 'all.millrace', ...args)

describe('backup', () => {
  it('writes all streams to one file, and says what is in it', async () => {
    expect(await backup('--verify', '--actor', 'ada')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(
      /^2 streams with \d+ entries and 0 pending ones written to \S+all\.millrace \([\d,]+ bytes\)\n$/,
    )
    expect(io.stderr.text).toContain('every byte was checked')
    expect(await millrace('backup', 'inspect', 'all.millrace')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^STREAM +ENTRIES +PENDING +DEAD +SCHEDULED +GROUPS\n/)
    expect(io.stdout.text).toMatch(/^user:events +\d+ +0 +3 +0 +mailer$/m)
    expect(await millrace('backup', 'inspect', 'all.millrace', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      { formatVersion: 1, streams: [{ name: 'orders', entries: 2 }, { name: 'user:events' }] },
    ])
  })

  it('writes the streams that are named, or fit a pattern', async () => {
    expect(await millrace('backup', 'orders', '--to', 'one', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ kind: 'backup', state: 'done', result: { streams: 1, entries: 2 } }])
    expect(await millrace('backup', '--match', 'user:*', '--to', 'two', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ result: { streams: 1 } }])
    expect(await millrace('backup', 'orders', '--match', 'x', '--to', 'three')).toBe(EXIT.usage)
    expect(await millrace('backup', 'order', '--to', 'three')).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "orders"?')
    expect(readdirSync(io.cwd).toSorted()).toEqual(['one', 'two'])
  })

  it('overwrites no file, unless it is told to', async () => {
    writeFileSync(path('all.millrace'), 'precious')
    expect(await backup()).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('exists already')
    expect(readFileSync(path('all.millrace'), 'utf8')).toBe('precious')
    expect(await backup('--force')).toBe(EXIT.ok)
    expect(await millrace('backup', 'inspect', 'all.millrace')).toBe(EXIT.ok)
  })

  it('ended by Ctrl-C leaves a part, from which job resume goes on', async () => {
    const entries = Array.from({ length: 3_000 }, (_, n) => ({ fields: ['type', 'a', 'data', String(n)] }))
    await log.append('orders', entries)
    const stopping = backup('--rate', '500')
    await until('a part', () => readdirSync(io.cwd).some((name) => name.endsWith('.partial')))
    io.stop.abort()
    expect(await stopping).toBe(EXIT.failed)
    const id = /millrace job resume (\d{16})/.exec(io.stderr.text)![1]!
    expect(existsSync(path('all.millrace'))).toBe(false)
    const folder = io.cwd
    const later = new CapturedIo({ REDIS_URL: server.url })
    await run(later, ['job', 'limit', id, 'none'])
    expect(await run(later, ['job', 'resume', id])).toBe(EXIT.ok)
    expect(later.stdout.text).toContain(`the backup job ${id} is done`)
    expect(readdirSync(folder)).toEqual(['all.millrace'])
    later.remove()
  })
})

describe('restore', () => {
  beforeEach(() => backup())

  it('brings all back, and shows what', async () => {
    const before = await keys()
    await admin.send(['FLUSHALL'])
    expect(await millrace('restore', 'all.millrace')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(
      /^STREAM +AS +ENTRIES +PENDING\norders +orders +2 +0\nuser:events +user:events +\d+ +0\n$/,
    )
    expect(io.stderr.text).toMatch(/2 streams with \d+ entries restored/)
    expect(await keys()).toEqual(before)
    expect((await log.operations.deadLetters.summary('user:events')).total).toBe(3)
  })

  it('refuses to overwrite, and names all that is in the way', async () => {
    await admin.send(['DEL', 'orders'])
    const before = await keys()
    expect(await millrace('restore', 'all.millrace')).toBe(EXIT.failed)
    expect(io.stderr.text).toContain('"user:events"')
    expect(io.stderr.text).toContain('Nothing of it was written')
    expect(await millrace('restore', 'all.millrace', '--dry-run')).toBe(EXIT.failed)
    expect(await keys()).toEqual(before)
  })

  it('restores beside what is there: some, under other names', async () => {
    expect(
      await millrace('restore', 'all.millrace', '--stream', 'orders', '--rename', 'orders=orders:before'),
    ).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^orders +orders:before +2 +0$/m)
    expect(await admin.send(['XLEN', 'orders:before'])).toBe(2)
    expect(await millrace('restore', 'all.millrace', '--prefix', 'test:', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ kind: 'restore', state: 'done', result: { streams: 2 } }])
    expect(await admin.send(['XLEN', 'test:orders'])).toBe(2)
  })

  it('in a dry run says what would be, and changes nothing', async () => {
    const before = await keys()
    expect(await millrace('restore', 'all.millrace', '--prefix', 'test:', '--dry-run')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^orders +test:orders +2 +0$/m)
    expect(await millrace('restore', 'all.millrace', '--prefix', 'test:', '--dry-run', '--json')).toBe(
      EXIT.ok,
    )
    expect(io.json).toMatchObject([
      { kind: 'restore', detail: { streams: [{ name: 'orders', as: 'test:orders' }, {}] } },
    ])
    expect(await keys()).toEqual(before)
  })

  it('refuses words that make no sense, and names that are not in the file', async () => {
    await admin.send(['FLUSHALL'])
    const wrong: [string[], RegExp][] = [
      [['--rename', 'orders'], /two names, such as/],
      [['--rename', 'orders=a', '--prefix', 'b'], /say either --prefix/],
      [['--stream', 'oders'], /"oders" is not in the backup; did you mean "orders"\?/],
      [['--rename', 'orders=user:events'], /would be the name of two streams/],
    ]
    for (const [args, message] of wrong) {
      expect(await millrace('restore', 'all.millrace', ...args)).toBe(EXIT.usage)
      expect(io.stderr.text).toMatch(message)
    }
    expect(await keys()).toEqual([])
  })

  it('of a file that was cut short, or changed in one bit, says where, and writes nothing', async () => {
    await admin.send(['FLUSHALL'])
    const whole = readFileSync(path('all.millrace'))
    truncateSync(path('all.millrace'), whole.length - 20)
    for (const command of [['restore'], ['backup', 'inspect']]) {
      expect(await millrace(...command, 'all.millrace')).toBe(EXIT.failed)
      expect(io.stderr.text).toMatch(/nothing was written: \S+all\.millrace: at byte \d+: /)
    }
    const turned = Buffer.from(whole)
    turned[Math.floor(whole.length / 2)]! ^= 4
    writeFileSync(path('all.millrace'), turned)
    expect(await millrace('restore', 'all.millrace')).toBe(EXIT.failed)
    expect(io.stderr.text).toMatch(/at byte \d+: /)
    expect(await keys()).toEqual([])
    expect(statSync(path('all.millrace')).size).toBe(whole.length)
  })

  it('says that there is no file', async () => {
    expect(await millrace('restore', 'nothing.millrace')).toBe(EXIT.notFound)
    expect(io.stderr.text).toMatch(/there is no file \S+nothing\.millrace/)
  })
})
