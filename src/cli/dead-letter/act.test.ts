import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bury } from '../../../test/support/bury.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const { server, admin } = useRedis()
const log = useLog(server)
let io: CapturedIo
let stream: string
let ids: string[]
let streams = 0

beforeEach(async () => {
  stream = `act:${streams++}`
  ids = await bury(log, { stream, data: [1, 2, 3] })
})
afterEach(() => io.remove())

function millrace(args: string[], input = ''): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url }, input)
  return run(io, ['dead-letter', ...args])
}

const left = async () => (await log.operations.deadLetters.list(stream)).letters.length
const jobs = async () => {
  io = new CapturedIo({ REDIS_URL: server.url })
  await run(io, ['job', 'ls', '--json'])
  return (io.json[0] as unknown[]).length
}

/** As if somebody sat there. */
function atTerminal(args: string[], typed: string): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url }, typed)
  Object.assign(io.stdin, { isTTY: true })
  Object.assign(io.stderr, { isTTY: true })
  return run(io, ['dead-letter', ...args])
}

describe('dead-letter redrive', () => {
  it('gives letters back by their ids, and counts what somebody else dealt with', async () => {
    expect(await millrace(['redrive', stream, ids[0]!, ids[1]!])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`2 dead letters of ${stream} redriven\n`)
    expect(await millrace(['redrive', stream, ids[1]!, ids[2]!])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`1 dead letter of ${stream} redriven\n`)
    expect(io.stderr.text).toContain('1 letter not there any more')
    expect(await left()).toBe(0)
  })

  it('gives back what a filter finds, and says who did it and why', async () => {
    await bury(log, { stream, error: 'TIMEOUT', data: [4] })
    const why = ['--reason', 'the server is back', '--actor', 'ada@example.com']
    expect(
      await millrace(['redrive', stream, '--error', 'SMTP_DOWN', '--from', '-1h', ...why, '--json']),
    ).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      {
        kind: 'redrive',
        state: 'done',
        actor: 'ada@example.com',
        result: { done: 3, refused: 0, missing: 0 },
      },
    ])
    expect(await left()).toBe(1)
    const { records } = await log.operations.actions.actions(stream)
    expect(records[0]).toMatchObject({
      action: 'redrive',
      actor: 'ada@example.com',
      reason: 'the server is back',
      count: 3,
    })
  })

  it('of a group that was deleted says which, and what to do, once for all letters', async () => {
    await bury(log, { stream, group: 'gone', data: [7, 8, 9, 10] })
    await admin.send(['XGROUP', 'DESTROY', stream, 'gone'])
    expect(await millrace(['redrive', stream, '--all'])).toBe(EXIT.failed)
    expect(io.stdout.text).toContain('3 dead letters')
    expect(io.stderr.text).toContain("4 letters can't be, and stay:\n")
    expect(io.stderr.text).toMatch(
      /^ {2}4: the group "gone" does not exist any more; start a consumer.*, …\)$/m,
    )
    expect(await left()).toBe(4)
  })

  it('in a dry run changes nothing, and writes down no job', async () => {
    expect(await millrace(['redrive', stream, '--all', '--dry-run'])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`3 dead letters of ${stream} would be redriven\n`)
    expect(await millrace(['redrive', stream, ids[0]!, '--dry-run', '--json'])).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ kind: 'redrive', count: 1, unit: 'letters', detail: { refused: 0 } }])
    expect(await left()).toBe(3)
  })

  it('refuses what does not say which letters, and ids that are none', async () => {
    expect(await millrace(['redrive', stream])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('--all for all of the stream')
    expect(await millrace(['redrive', stream, 'first'])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('["first"] are no ids of dead letters')
    expect(await left()).toBe(3)
  })

  it('suggests the nearest name of a stream and of a group', async () => {
    expect(await millrace(['redrive', `${stream}x`, '--all'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain(`did you mean "act:`)
    expect(await millrace(['redrive', stream, '--group', 'mailr'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "mailer"?')
  })

  it('leaves the work to a service', async () => {
    expect(await millrace(['redrive', stream, '--all', '--detach'])).toBe(EXIT.ok)
    const id = io.stdout.text.trim()
    expect(io.stderr.text).toContain(`millrace job watch ${id}`)
    expect(await left()).toBe(3)
    io = new CapturedIo({ REDIS_URL: server.url })
    await run(io, ['job', 'show', id, '--json'])
    expect(io.json).toMatchObject([{ id, state: 'queued' }])
  })
})

describe('dead-letter discard', () => {
  it('without a terminal wants the name of the stream', async () => {
    const before = await jobs()
    expect(await millrace(['discard', stream, '--all'])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain(`add --yes ${stream} to do it`)
    expect(await millrace(['discard', stream, '--all', '--yes', 'other'])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('nothing was changed')
    expect(await left()).toBe(3)
    expect(await jobs()).toBe(before)
  })

  it('with it deletes what is meant', async () => {
    expect(await millrace(['discard', stream, ids[0]!, '--yes', stream])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`1 dead letter of ${stream} discarded\n`)
    expect(await left()).toBe(2)
  })

  it('asks at a terminal, with the number', async () => {
    expect(await atTerminal(['discard', stream, '--group', 'mailer'], 'no\n')).toBe(EXIT.usage)
    expect(io.stderr.text).toContain(`3 dead letters of ${stream} will be deleted for good.`)
    expect(await left()).toBe(3)
    expect(await atTerminal(['discard', stream, '--group', 'mailer'], `${stream}\n`)).toBe(EXIT.ok)
    expect(await left()).toBe(0)
  })

  it('in a dry run asks nobody, and changes nothing', async () => {
    expect(await millrace(['discard', stream, '--all', '--dry-run'])).toBe(EXIT.ok)
    expect(io.stdout.text).toBe(`3 dead letters of ${stream} would be discarded\n`)
    expect(await left()).toBe(3)
  })
})
