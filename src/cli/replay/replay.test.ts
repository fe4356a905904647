import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { Job } from '../../core/jobs.ts'
import { COPY_FIELDS, inletKey } from '../../redis/keys.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const { server, admin } = useRedis()
const log = useLog(server)
let io: CapturedIo
let stream: string
let positions: string[]
let streams = 0

beforeEach(async () => {
  stream = `{replays}:${streams++}`
  await publish(10)
  const consumer = await log.join({ stream, group: 'mailer', consumer: 'c', start: '$' })
  await consumer.leave()
})
afterEach(() => io.remove())

async function publish(count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, n) => ({ fields: ['type', 'number', 'data', String(n)] }))
  positions = (await log.append(stream, entries)) as string[]
}

function millrace(...args: string[]): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url })
  return run(io, args)
}

/** The originals of what the consumers of the group will get. */
async function delivered(): Promise<string[]> {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', inletKey(stream, 'mailer'), '-', '+'])
  return rows.map(([, fields]) => fields[fields.indexOf(COPY_FIELDS.position) + 1]!)
}

const jobs = async (): Promise<Job[]> => {
  const listing = new CapturedIo({ REDIS_URL: server.url })
  await run(listing, ['job', 'ls', '--json'])
  listing.remove()
  return listing.json[0] as Job[]
}

describe('replay', () => {
  it('delivers a range to one group once more', async () => {
    const range = ['--from', positions[2]!, '--to', positions[5]!]
    expect(await millrace('replay', stream, '--group', 'mailer', ...range)).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`4 entries of ${stream} delivered again to the group mailer\n`)
    expect(io.stderr.text).toMatch(/^job \d{16} \(replay\) runs here$/m)
    expect(await delivered()).toEqual(positions.slice(2, 6))
  })

  it('copies into another stream, and prints the job', async () => {
    const why = ['--actor', 'ada', '--reason', 'a test']
    expect(
      await millrace('replay', stream, '--to-stream', `${stream}:copy`, '--from', '-1h', ...why, '--json'),
    ).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      {
        kind: 'replay',
        state: 'done',
        actor: 'ada',
        reason: 'a test',
        progress: { done: 10, total: 10 },
        result: { copied: 10 },
      },
    ])
    expect(await admin.send(['XLEN', `${stream}:copy`])).toBe(10)
  })

  it('in a dry run counts, and changes nothing', async () => {
    const before = await jobs()
    expect(await millrace('replay', stream, '--group', 'mailer', '--from', positions[8]!, '--dry-run')).toBe(
      EXIT.ok,
    )
    expect(io.stdout.text).toBe(
      `2 entries would be delivered again, from ${positions[8]} to ${positions[9]}\n`,
    )
    expect(await millrace('replay', stream, '--group', 'mailer', '--from', '0', '--dry-run', '--json')).toBe(
      EXIT.ok,
    )
    expect(io.json).toMatchObject([{ kind: 'replay', count: 10, complete: true }])
    expect(await millrace('replay', stream, '--group', 'mailer', '--from', '2099-01-01', '--dry-run')).toBe(
      EXIT.ok,
    )
    expect(io.stdout.text).toBe('0 entries would be delivered again\n')
    expect(await delivered()).toEqual([])
    expect(await jobs()).toEqual(before)
  })

  it.each([
    [['--from', '0'], /say where to: either --group NAME, or --to-stream STREAM/],
    [['--group', 'mailer', '--to-stream', 'x', '--from', '0'], /say where to/],
    [['--group', 'mailer'], /say from where/],
    [['--group', 'mailer', '--from', 'soon'], /--from takes a position .* not "soon"/],
    [['--group', 'mailer', '--from', '-1h', '--to', '-2h'], /--from 20\S+Z comes after --to 20\S+Z/],
    [['--group', 'mailer', '--from', '0', '--rate', '0'], /whole number from 1 on/],
    [['--to-stream', '{replays}:dead-letter', '--from', '0'], /is a name that Millrace keeps/],
  ])('refuses %j', async (args, message) => {
    expect(await millrace('replay', stream, ...args)).toBe(EXIT.usage)
    expect(io.stderr.text).toMatch(message)
  })

  it('suggests the nearest name of what is not there', async () => {
    expect(await millrace('replay', stream, '--group', 'mailler', '--from', '0')).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "mailer"?')
    expect(await millrace('replay', '{replay}:0', '--group', 'mailer', '--from', '0')).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "{replays}:')
  })
})

describe('a replay that fails', () => {
  it('says why, and how to go on when that is mended', async () => {
    const replaying = millrace('replay', stream, '--group', 'mailer', '--from', '0', '--rate', '5', '--json')
    await until('a copy', async () => (await delivered()).length > 0)
    await admin.send(['XGROUP', 'DESTROY', stream, 'mailer'])
    expect(await replaying).toBe(EXIT.failed)
    expect(io.json).toMatchObject([{ state: 'failed', error: { code: 'UNKNOWN_GROUP' } }])
    expect(io.stderr.text).toMatch(/^error: .*"mailer".*\nthe replay job \d+ failed\nto go on .* --here$/m)
  })
})

describe('Ctrl-C', () => {
  it('ends it between two steps, and job resume goes on where it was', async () => {
    const before = positions
    await publish(190)
    const replaying = millrace('replay', stream, '--group', 'mailer', '--from', '0', '--rate', '100')
    await until('some progress', async () => (await jobs())[0]!.progress.done > 10)
    io.stop.abort()
    expect(await replaying).toBe(EXIT.failed)
    const id = /millrace job resume (\d{16})/.exec(io.stderr.text)![1]!
    const [stopped] = await jobs()
    expect(stopped).toMatchObject({ id, state: 'interrupted', progress: { total: 200 } })
    expect(stopped!.progress.done).toBeLessThan(200)
    expect(await millrace('job', 'limit', id, 'none')).toBe(EXIT.ok)
    expect(await millrace('job', 'resume', id, '--here')).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`the replay job ${id} is done: 200 of 200 entries (100%)\n`)
    expect(await delivered()).toEqual([...before, ...positions])
  })
})
