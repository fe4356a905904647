import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { spawnMillrace } from '../../../test/support/service-process.ts'
import { until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { Job } from '../../core/jobs.ts'
import { COPY_FIELDS, inletKey } from '../../redis/keys.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const { server, admin } = useRedis()
const log = useLog(server)
const COUNT = 200
let io: CapturedIo
let stream: string
let streams = 0

beforeEach(async () => {
  stream = `jobs:${streams++}`
  const consumer = await log.join({ stream, group: 'mailer', consumer: 'c', start: '$' })
  await consumer.leave()
  await log.append(
    stream,
    Array.from({ length: COUNT }, (_, n) => ({ fields: ['type', 'number', 'data', String(n)] })),
  )
})
afterEach(() => io.remove())

function millrace(...args: string[]): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url })
  return run(io, args)
}

/** Written down for a service, which there is none of. */
async function queued(): Promise<string> {
  await millrace(
    'replay',
    stream,
    '--group',
    'mailer',
    '--from',
    '0',
    '--rate',
    '50',
    '--detach',
    '--actor',
    'ada',
  )
  return io.stdout.text.trim()
}

async function show(id: string): Promise<Job> {
  await millrace('job', 'show', id, '--json')
  return io.json[0] as Job
}

async function copied(): Promise<string[]> {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', inletKey(stream, 'mailer'), '-', '+'])
  return rows.map(([, fields]) => fields[fields.indexOf(COPY_FIELDS.position) + 1]!)
}

describe('the help', () => {
  it.each([
    'dead-letter ls',
    'dead-letter summary',
    'dead-letter show',
    'dead-letter edit',
    'dead-letter redrive',
    'dead-letter discard',
    'replay',
    'job ls',
    'job show',
    'job watch',
    'job cancel',
    'job resume',
    'job limit',
    'key create',
    'key ls',
    'key revoke',
    'backup',
    'backup inspect',
    'restore',
  ])('of %s has examples', async (words) => {
    expect(await millrace(...words.split(' '), '--help')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(new RegExp(`Examples:\n {2}millrace ${words}`))
  })
})

describe('job ls and show', () => {
  it('list what there is, the newest first, and those of a kind and state', async () => {
    const [first, second] = [await queued(), await millrace('job', 'ls', '--json')]
    expect(second).toBe(EXIT.ok)
    expect((io.json[0] as Job[])[0]).toMatchObject({
      id: first,
      kind: 'replay',
      actor: 'ada',
      ratePerSecond: 50,
    })
    expect(await millrace('job', 'ls', '--kind', 'replay', '--state', 'queued')).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^ID +KIND +STATE +PROGRESS +RATE +CREATED +ACTOR +WHAT$/m)
    expect(io.stdout.text).toMatch(
      new RegExp(
        `^${first} +replay +queued +0 entries +50/s +\\S+Z +ada +stream=${stream} group=mailer from=0-0$`,
        'm',
      ),
    )
    await millrace('job', 'ls', '--kind', 'backup')
    expect(io.stderr.text).toContain('there are no such jobs')
    expect(await millrace('job', 'ls', '--kind', 'nap')).toBe(EXIT.usage)
  })

  it('show all of one', async () => {
    const id = await queued()
    expect(await millrace('job', 'show', id)).toBe(EXIT.ok)
    for (const line of ['state:      queued', 'started by: ada', '  group: mailer'])
      expect(io.stdout.text).toContain(`${line}\n`)
    expect(io.stdout.text).toMatch(/history:\n {2}\S+Z {2}\w+ by ada\n/)
  })

  it.each([['show'], ['watch'], ['cancel'], ['resume']])('%s says that a job is not there', async (verb) => {
    expect(await millrace('job', verb, '1769590800000000')).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('there is no job "1769590800000000"')
  })
})

describe('job cancel and limit', () => {
  it('end a job, and set its rate', async () => {
    const id = await queued()
    expect(await millrace('job', 'limit', id, '75', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ id, ratePerSecond: 75 }])
    await millrace('job', 'limit', id, 'none')
    expect(io.stdout.text).toBe(`job ${id} does as much as it can, from its next step on\n`)
    // As a runner leaves it that was killed.
    await log.operations.holds.set(stream, `replay:job ${id}`, '0-0', { ttlMs: 60_000 })
    expect(await millrace('job', 'cancel', id, '--actor', 'bob')).toBe(EXIT.ok)
    expect(await log.operations.holds.list(stream)).toEqual([])
    expect(io.stdout.text).toContain(`job ${id} is cancelled`)
    expect(await show(id)).toMatchObject({ state: 'cancelled' })
    expect(await millrace('job', 'cancel', id)).toBe(EXIT.failed)
    expect(io.stderr.text).toContain(`the job ${id} is cancelled, so it can not be cancelled`)
  })

  it.each(['fast', '0', '-1', '1.5'])('refuse the rate %s', async (rate) => {
    expect(await millrace('job', 'limit', '1769590800000000', rate)).toBe(EXIT.usage)
  })

  it('tell whoever runs it who ended it', async () => {
    const running = millrace('replay', stream, '--group', 'mailer', '--from', '0', '--rate', '50')
    const own = io
    const id = await until('its id', () => /^job (\d+)/m.exec(own.stderr.text)?.[1])
    await millrace('job', 'cancel', id, '--actor', 'bob')
    expect(await running).toBe(EXIT.failed)
    expect(own.stderr.text).toContain(
      `bob cancelled the replay job ${id}\nto go on where it was: millrace job resume ${id}`,
    )
    own.remove()
  })
})

describe('job watch', () => {
  it('ends with the job, and says how it ended', async () => {
    const running = millrace('replay', stream, '--group', 'mailer', '--from', '0', '--rate', '400')
    const own = io
    const id = await until('its id', () => /^job (\d+)/m.exec(own.stderr.text)?.[1])
    expect(await millrace('job', 'watch', id)).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`the replay job ${id} is done: 200 of 200 entries (100%)\n`)
    expect(await running).toBe(EXIT.ok)
    own.remove()
  })

  it('is ended by Ctrl-C, and the job is not', async () => {
    const id = await queued()
    const watching = millrace('job', 'watch', id, '--json')
    io.stop.abort()
    expect(await watching).toBe(EXIT.failed)
    expect(io.json).toMatchObject([{ state: 'queued' }])
  })
})

describe('job resume', () => {
  it('after Ctrl-C leaves the job to a service, unless it is to run here', async () => {
    const id = await queued()
    await millrace('job', 'cancel', id)
    expect(await millrace('job', 'resume', id)).toBe(EXIT.ok)
    expect(io.stderr.text).toContain('a service that runs will take it up')
    expect(await show(id)).toMatchObject({ state: 'queued' })
    await millrace('job', 'limit', id, 'none')
    await millrace('job', 'cancel', id)
    expect(await millrace('job', 'resume', id, '--here', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ id, state: 'done', result: { copied: COUNT } }])
  })

  it('goes on with what a process did that was killed, and copies nothing twice', async () => {
    const args = ['replay', stream, '--group', 'mailer', '--from', '0', '--rate', '100']
    const child = spawnMillrace(args, { REDIS_URL: server.url })
    await until('some copies', async () => (await copied()).length > 20)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const before = (await copied()).length
    expect(before).toBeLessThan(COUNT)
    await millrace('job', 'ls', '--state', 'running', '--json')
    const [{ id }] = io.json[0] as [Job]
    await millrace('job', 'limit', id, 'none')
    const resumed = spawnMillrace(['job', 'resume', id, '--here'], { REDIS_URL: server.url })
    let said = ''
    resumed.stderr!.on('data', (bytes) => (said += String(bytes)))
    expect(await once(resumed, 'exit')).toEqual([EXIT.ok, null])
    expect(said).toContain('waiting for up to 12 s whether it is heard of')
    const all = await copied()
    expect(new Set(all).size).toBe(COUNT)
    expect(all).toHaveLength(COUNT)
  }, 40_000)

  it('says so while Redis is away, and goes on', async () => {
    const running = millrace('replay', stream, '--group', 'mailer', '--from', '0', '--rate', '60')
    await until('some copies', async () => (await copied()).length > 20)
    await admin.send(['CONFIG', 'SET', 'maxclients', '1'])
    await admin.send(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'])
    await until('a word of it', () => io.stderr.text.includes('warning: Redis connection'))
    await admin.send(['CONFIG', 'SET', 'maxclients', '1000'])
    expect(await running).toBe(EXIT.ok)
    expect(await copied()).toHaveLength(COUNT)
  }, 40_000)
})
