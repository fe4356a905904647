import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const server = useRedisServer()
const log = useLog(server)
let io: CapturedIo
let number = 0

afterEach(() => io.remove())

const newStream = () => `cli:publish:${++number}`
const start = (input?: string) => (io = new CapturedIo({ REDIS_URL: server.url }, input))
const entriesOf = async (stream: string) => (await log.read(stream, '0-0', 1_000)).map(({ fields }) => fields)

function file(name: string, content: string): string {
  const path = join(io.cwd, name)
  writeFileSync(path, content)
  return path
}

describe('millrace publish', () => {
  it('publishes the data of one event', async () => {
    start()
    const stream = newStream()
    const code = await run(io, ['publish', stream, '--type', 'user.created', '--data', '{"userId":"1"}'])
    expect(code).toBe(EXIT.ok)
    expect(await entriesOf(stream)).toEqual([['type', 'user.created', 'data', '{"userId":"1"}']])
    expect(io.stdout.text).toContain(`published 1 events to ${stream}`)
  })

  it('publishes each item of a list in a JSON file, with keys, in order', async () => {
    start()
    const stream = newStream()
    const items = Array.from({ length: 1_200 }, (_, n) => ({ n, at: { net: n % 2 ? 'us' : 'ci' } }))
    const path = file('quakes.json', JSON.stringify({ list: { items } }))
    const args = [
      'publish',
      stream,
      '--type',
      'quake',
      '--from',
      path,
      '--items',
      'list.items',
      '--key',
      'at.net',
      '--json',
    ]
    expect(await run(io, args)).toBe(EXIT.ok)
    expect(io.json).toMatchObject([{ stream, published: 1_200 }])
    const entries = await entriesOf(stream)
    expect(entries.length).toBe(1_000)
    expect(entries[7]).toEqual(['type', 'quake', 'data', JSON.stringify(items[7]), 'partitionkey', 'us'])
  })

  it('publishes JSON lines from standard input', async () => {
    start('{"a":1}\n\n{"a":2}\n')
    const stream = newStream()
    expect(await run(io, ['publish', stream, '--type', 't', '--from', '-'])).toBe(EXIT.ok)
    expect((await entriesOf(stream)).map((fields) => fields[3])).toEqual(['{"a":1}', '{"a":2}'])
  })

  it('writes once what is published twice under an idempotency key', async () => {
    const stream = newStream()
    for (let time = 0; time < 2; time++) {
      io?.remove()
      start()
      const path = file('list.json', '[{"id":"a"},{"id":"b"}]')
      const args = ['publish', stream, '--type', 't', '--from', path, '--idempotency-key', 'id']
      expect(await run(io, args)).toBe(EXIT.ok)
    }
    expect((await entriesOf(stream)).length).toBe(2)
  })

  it('remembers the stream, for the audit trail to follow', async () => {
    start()
    const stream = newStream()
    await run(io, ['publish', stream, '--type', 't', '--data', '1'])
    expect(await log.registered()).toContain(stream)
  })

  it.each([
    ['neither data nor file', ['--type', 't'], EXIT.usage, 'either --data JSON or --from FILE'],
    ['data that is no JSON', ['--type', 't', '--data', '{'], EXIT.usage, '--data is not JSON'],
    ['no type', ['--data', '1'], EXIT.usage, '--type'],
    [
      'a file that is not there',
      ['--type', 't', '--from', 'nowhere.json'],
      EXIT.notFound,
      'there is no file nowhere.json',
    ],
    ['an unknown option', ['--type', 't', '--data', '1', '--colour'], EXIT.usage, '--colour'],
  ])('says what is wrong with %s', async (_, args, code, message) => {
    start()
    expect(await run(io, ['publish', newStream(), ...args])).toBe(code)
    expect(io.stderr.text).toContain(message)
  })

  it('says where in a file the fault is', async () => {
    start()
    const lines = file('bad.ndjson', '{"a":1}\nnonsense\n')
    expect(await run(io, ['publish', newStream(), '--type', 't', '--from', lines])).toBe(EXIT.failed)
    expect(io.stderr.text).toContain(`line 2 of ${lines} is not JSON`)
    const list = file('list.json', '{"a":[]}')
    expect(await run(io, ['publish', newStream(), '--type', 't', '--from', list, '--items', 'b'])).toBe(
      EXIT.usage,
    )
    expect(io.stderr.text).toContain('there is no list at "b"')
    const keys = file('keys.json', '[{"k":"a"},{}]')
    expect(await run(io, ['publish', newStream(), '--type', 't', '--from', keys, '--key', 'k'])).toBe(
      EXIT.failed,
    )
    expect(io.stderr.text).toContain('item 1 has no text or number at "k"')
  })

  it('refuses a stream name with control characters', async () => {
    start()
    expect(await run(io, ['publish', 'a\nb', '--type', 't', '--data', '1'])).toBe(EXIT.usage)
    expect(io.stderr.text).toContain('control characters')
  })

  it('says that Redis is not there, without its password', async () => {
    start()
    const args = ['publish', 's', '--type', 't', '--data', '1', '--redis', 'redis://u:secret@127.0.0.1:1']
    expect(await run(io, args)).toBe(EXIT.unreachable)
    expect(io.stderr.text).toContain("Redis can't be reached")
    expect(io.stderr.text).not.toContain('secret')
  })
})
