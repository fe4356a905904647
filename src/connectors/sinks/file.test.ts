import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FaultyDisk } from '../../../test/support/sink-disk.ts'
import { FileLab } from '../../../test/support/sink-file-lab.ts'
import { filesBelow, linesBelow } from '../../../test/support/sink-files.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { decodeEntry } from '../../core/codec.ts'
import type { SinkEvent } from '../../core/sink.ts'
import { FileSink, fileSink, type FileSinkOptions } from './file.ts'
import { encodeName } from './file/names.ts'

const STREAM = 'orders'
const FOLDER = 'orders'

let lab: FileLab
let directory: string
let sinks: FileSink[]
beforeEach(() => {
  lab = new FileLab({}, '')
  directory = lab.directory
  sinks = []
})
afterEach(async () => {
  for (const sink of sinks) await sink.close()
  await lab.close()
})

async function open(options: Partial<FileSinkOptions> = {}, faulty = new FaultyDisk()): Promise<FileSink> {
  const sink = new FileSink({ directory, ...options }, faulty.disk)
  sinks.push(sink)
  await sink.connect()
  return sink
}

const openLines = (options: Partial<FileSinkOptions> = {}, faulty?: FaultyDisk) =>
  open({ format: 'jsonl', ...options }, faulty)

function event(number: number, given: Partial<SinkEvent> = {}): SinkEvent {
  const { stream = STREAM, position = `1769594400000-${number}` } = given
  const entry = { position, fields: ['type', 'number', 'data', JSON.stringify({ number })] }
  return { event: decodeEntry(stream, entry), stream, position, part: 0, redelivered: false, entry, ...given }
}

const again = (number: number) => event(number, { redelivered: true })
const write = (sink: FileSink, ...events: SinkEvent[]) => sink.write(events, new AbortController().signal)
const numbersIn = () =>
  linesBelow(directory)
    .map(({ data }) => (data as { number: number }).number)
    .toSorted((a, b) => a - b)
const segments = () => filesBelow(directory).map((path) => basename(path))
const openSegment = () => filesBelow(directory).find((path) => basename(path).startsWith('open-'))!

test('options tell every mistake', () => {
  const options = {
    directory: '',
    format: 'csv',
    gzip: 1,
    maxSegmentBytes: 0,
    maxEventBytes: 1.5,
    concurrency: -1,
  }
  expect(() => fileSink(options as never)).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      issues: ['directory', 'format', 'gzip', 'maxSegmentBytes', 'maxEventBytes', 'concurrency'].map((path) =>
        expect.objectContaining({ path }),
      ),
    }),
  )
  expect(() => fileSink({ directory, gzip: true, maxSegmentAgeMs: 5 })).toThrow(
    /gzip: is for segments.*maxSegmentAgeMs/,
  )
})

describe('names', () => {
  const UGLY = [
    '../../etc/x',
    '/etc/x',
    '..',
    '.',
    '.hidden',
    'a/b\\c',
    'a\0b',
    'C:',
    'CON*?"<>|',
    '√🌊',
    '%2E%2E',
    '~',
  ]

  test.each(['json', 'jsonl'] as const)('of streams stay in the directory: %s', async (format) => {
    const sink = await open({ format })
    const long = ['x'.repeat(256), `${'x'.repeat(255)}y`, '√'.repeat(256)]
    const streams = [...UGLY, ...long]
    await write(sink, ...streams.map((stream, number) => event(number, { stream })))
    await sink.close()
    expect(linesBelow(directory).map(({ data }) => (data as { number: number }).number)).toHaveLength(
      streams.length,
    )
    const folders = readdirSync(directory).filter((name) => name !== '.temporary')
    expect(folders).toHaveLength(streams.length)
    for (const name of folders) expect(name).toMatch(/^[\w%-][\w%.~-]*$/)
  })

  test('of positions are no paths', async () => {
    const sink = await open()
    const positions = ['0-1', '18446744073709551615-18446744073709551615']
    await write(sink, ...positions.map((position, number) => event(number, { position })))
    expect(numbersIn()).toEqual([0, 1])
    expect(filesBelow(directory).every((path) => path.startsWith(`${directory}/${FOLDER}/`))).toBe(true)
  })

  test('are told apart, also where they are long', () => {
    expect(encodeName('telemetry:events')).toBe('telemetry%3Aevents')
    expect(encodeName('x'.repeat(256))).not.toBe(encodeName(`${'x'.repeat(255)}y`))
  })
})

describe('links', () => {
  test.each(['json', 'jsonl'] as const)('within the directory are not followed: %s', async (format) => {
    const outside = join(directory, '../outside-of-file-sink')
    mkdirSync(outside, { recursive: true })
    symlinkSync(outside, join(directory, FOLDER))
    const sink = await open({ format })
    const failure = await failureOf(write(sink, event(0)))
    expect([failure.code, failure.message]).toEqual([
      'SINK_UNAVAILABLE',
      expect.stringContaining('is a link'),
    ])
    expect(readdirSync(outside)).toEqual([])
    rmSync(outside, { recursive: true })
  })

  test('that look like a segment are neither read nor cut', async () => {
    const outside = join(directory, 'precious')
    writeFileSync(outside, 'no line')
    mkdirSync(join(directory, FOLDER))
    symlinkSync(outside, join(directory, FOLDER, 'open-elsewhere-1-0123456789ab.jsonl'))
    utimesSync(outside, 0, 0)
    const sink = new FileSink({ directory, format: 'jsonl' }, new FaultyDisk().disk)
    await sink.connect().catch(() => {})
    await sink.close()
    expect(readFileSync(outside, 'utf8')).toBe('no line')
  })

  test('to the directory itself are somebody’s wish', async () => {
    const link = `${directory}-link`
    symlinkSync(directory, link)
    const sink = await open({ directory: link })
    await write(sink, event(0))
    expect(numbersIn()).toEqual([0])
    rmSync(link)
  })
})

describe('a file per event', () => {
  test('holds a CloudEvent, and has the name of its entry', async () => {
    const sink = await open()
    await write(sink, event(7))
    const [path] = filesBelow(directory)
    expect(path).toMatch(/orders\/2026-01-28\/10-00\/1769594400000-7-0-[0-9a-f]{16}\.json$/)
    expect(JSON.parse(readFileSync(path!, 'utf8'))).toMatchObject({
      specversion: '1.0',
      id: '1769594400000-7',
      source: STREAM,
      data: { number: 7 },
    })
  })

  test('that can not be written leaves nothing behind, and the others of its batch overwrite themselves', async () => {
    const faulty = new FaultyDisk()
    const sink = await open({}, faulty)
    faulty.cut(2)
    const events = Array.from({ length: 30 }, (_, number) => event(number))
    expect((await failureOf(write(sink, ...events))).code).toBe('SINK_UNAVAILABLE')
    expect(readdirSync(join(directory, '.temporary'))).toEqual([])
    await sink.connect()
    await write(sink, ...events)
    expect(filesBelow(directory)).toHaveLength(30)
  })

  test('goes on when somebody removed its folders', async () => {
    const sink = await open()
    await write(sink, event(0))
    rmSync(join(directory, FOLDER), { recursive: true })
    expect((await failureOf(write(sink, event(1)))).code).toBe('SINK_UNAVAILABLE')
    await sink.connect()
    await write(sink, event(1))
    expect(numbersIn()).toEqual([1])
  })

  test('temporary files that a crash left are removed after an hour', async () => {
    mkdirSync(join(directory, '.temporary'))
    const [old, young] = ['old', 'young'].map((name) => join(directory, '.temporary', name))
    for (const path of [old!, young!]) writeFileSync(path, '')
    utimesSync(old!, 0, 0)
    await open()
    expect([existsSync(old!), existsSync(young!)]).toEqual([false, true])
  })
})

describe('segments', () => {
  test('are closed when they are large enough; their names say what is in them', async () => {
    const sink = await openLines({ maxSegmentBytes: 500 })
    for (let number = 0; number < 10; number++) await write(sink, event(number))
    await sink.close()
    expect(numbersIn()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(segments().length).toBeGreaterThan(2)
    for (const path of filesBelow(directory)) {
      const [, first, last, bytes] = /^(\d+)-(\d+)-(\d+)-[0-9a-f]{12}\.jsonl$/.exec(basename(path))!
      expect([Number(first), Number(last), Number(bytes)]).toEqual([
        1_769_594_400_000,
        1_769_594_400_000,
        statSync(path).size,
      ])
    }
  })

  test('are closed when they are old enough', async () => {
    const sink = await openLines({ maxSegmentAgeMs: 1 })
    await write(sink, event(0))
    await until('the end of the segment', () => segments().every((name) => !name.startsWith('open-')))
    expect(numbersIn()).toEqual([0])
  })

  test('that are packed are what gunzip reads', async () => {
    const sink = await openLines({ gzip: true })
    await write(sink, event(0), event(1))
    await write(sink, event(2))
    await sink.close()
    const [path] = filesBelow(directory)
    expect(path).toMatch(/\.jsonl\.gz$/)
    expect(gunzipSync(readFileSync(path!)).toString().trim().split('\n')).toHaveLength(3)
    expect(execFileSync('gzip', ['-dc', path!]).toString().trim().split('\n')).toHaveLength(3)
  })

  test('writes that wait together are synced together', async () => {
    const faulty = new FaultyDisk()
    const sink = await openLines({}, faulty)
    const letGo = faulty.hang()
    const writes = Array.from({ length: 20 }, (_, number) => write(sink, event(number)))
    await until('the first one', () => existsSync(openSegment() ?? ''))
    letGo()
    await Promise.all(writes)
    expect(faulty.dataSyncs).toBeLessThanOrEqual(3)
    expect(numbersIn()).toHaveLength(20)
  })
})

describe('what a crash leaves', () => {
  /** A segment as it is left by a process that died: its writer is not told. */
  async function crashed(options: Partial<FileSinkOptions>, tear: (path: string) => void): Promise<void> {
    const sink = await openLines(options)
    await write(sink, event(0), event(1))
    await write(sink, event(2))
    const copy = readFileSync(openSegment())
    const name = basename(openSegment())
    const folder = dirname(openSegment())
    await sink.close()
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    const path = join(folder, name.replace(/-\d+-[0-9a-f]{12}/, '-999999999-0123456789ab'))
    writeFileSync(path, copy)
    tear(path)
  }

  const shorten = (bytes: number) => (path: string) =>
    writeFileSync(path, readFileSync(path).subarray(0, -bytes))
  const add = (tail: string | Buffer) => (path: string) => appendFileSync(path, tail)
  const line = (name: string) => `{"millraceentry":"1-1/0/${name}","a":1}\n`

  test.each<[string, Partial<FileSinkOptions>, (path: string) => void, number[]]>([
    ['half a line', {}, shorten(5), [0, 1]],
    ['a line without its end', {}, shorten(1), [0, 1]],
    ['garbage', {}, add('garbage\n'), [0, 1, 2]],
    [
      'pages that were never written',
      {},
      add(Buffer.concat([Buffer.alloc(4_096), Buffer.from(line('x'))])),
      [0, 1, 2],
    ],
    ['nothing but half a line', {}, (path) => writeFileSync(path, '{"millraceentry":"1'), []],
    ['half a member', { gzip: true }, shorten(5), [0, 1]],
    ['half a header of a member', { gzip: true }, add(Buffer.from([0x1f, 0x8b, 8])), [0, 1, 2]],
    ['a member with other bytes in it', { gzip: true }, spoilLast, [0, 1]],
    ['nothing', { gzip: true }, (path) => writeFileSync(path, ''), []],
  ])('%s is cut off', async (_, options, tear, left) => {
    await crashed(options, tear)
    const sink = await openLines(options)
    expect(segments().filter((name) => name.startsWith('open-'))).toEqual([])
    expect(numbersIn()).toEqual(left)
    for (const path of filesBelow(directory)) {
      expect(statSync(path).size).toBe(Number(basename(path).split('-')[2]))
      const bytes = readFileSync(path)
      const text = options.gzip ? gunzipSync(bytes) : bytes
      expect(
        text
          .toString()
          .trim()
          .split('\n')
          .map((one) => JSON.parse(one).data.number),
      ).toEqual(left)
    }
    await write(sink, again(0), again(1), again(2), again(3))
    expect(numbersIn()).toEqual([0, 1, 2, 3])
  })

  test('between the two steps of closing is taken up by the next one', async () => {
    await crashed({}, (path) => renameSync(path, path.replace('open-', 'taken-')))
    const sink = await openLines()
    await write(sink, again(2), event(3))
    expect(segments().filter((name) => name.startsWith('taken-'))).toEqual([])
    expect(numbersIn()).toEqual([0, 1, 2, 3])
  })

  test('on another host is left alone until it is silent for long', async () => {
    let path = ''
    await crashed({}, (left) => {
      path = left.replace(/open-.+-(?=\d+-[0-9a-f]{12})/, 'open-elsewhere-')
      renameSync(left, path)
    })
    await openLines()
    expect(existsSync(path)).toBe(true)
    utimesSync(path, 0, 0)
    await openLines()
    expect(existsSync(path)).toBe(false)
    expect(numbersIn()).toEqual([0, 1, 2])
  })

  function spoilLast(path: string): void {
    const bytes = readFileSync(path)
    bytes[bytes.length - 12]! ^= 0xff
    writeFileSync(path, bytes)
  }
})

describe('a segment that somebody else closes', () => {
  test('takes nothing more of its writer, and what that wrote meanwhile is found or cut', async () => {
    const faulty = new FaultyDisk()
    const sleeper = await openLines({}, faulty)
    await write(sleeper, event(0))
    const wake = faulty.hang()
    const late = write(sleeper, event(1), event(2))
    await until('the lines', () => numbersIn().length === 3)
    // Asleep for so long that the other one takes it for dead; then it appends nothing that counts.
    utimesSync(openSegment(), 0, 0)
    const other = await openLines()
    const closed = segments()
    await write(other, again(1), again(2))
    wake()
    expect((await failureOf(late)).code).toBe('SINK_UNAVAILABLE')
    await sleeper.connect()
    await write(sleeper, again(1), again(2), event(3))
    expect(segments()).toEqual(expect.arrayContaining(closed))
    expect(numbersIn()).toEqual([0, 1, 2, 3])
  })

  test('late lines are cut off', async () => {
    const faulty = new FaultyDisk()
    const sleeper = await openLines({}, faulty)
    await write(sleeper, event(0))
    const path = openSegment()
    utimesSync(path, 0, 0)
    await openLines()
    expect((await failureOf(write(sleeper, event(1)))).code).toBe('SINK_UNAVAILABLE')
    await until(
      'the cut',
      () => numbersIn().length === 1 && filesBelow(directory).every((one) => sizeIsAsNamed(one)),
    )
  })

  test('a redelivered event that lies in the open segment of another is found, and the segment closed', async () => {
    const one = await openLines()
    await write(one, event(0))
    const other = await openLines()
    await write(other, again(0), again(1))
    expect(numbersIn()).toEqual([0, 1])
    // Its writer brings again what was under way, and goes on.
    await failureOf(write(one, event(2)))
    await one.connect()
    await write(one, again(2))
    expect(numbersIn()).toEqual([0, 1, 2])
  })

  const sizeIsAsNamed = (path: string) => statSync(path).size === Number(basename(path).split('-')[2])
})

describe('a disk that fails', () => {
  test('what was written and not synced does not count, and is not found either', async () => {
    const faulty = new FaultyDisk()
    const sink = await openLines({}, faulty)
    await write(sink, event(0))
    faulty.cut(0)
    expect((await failureOf(write(sink, event(1)))).code).toBe('SINK_UNAVAILABLE')
    const other = await openLines()
    await write(other, again(1))
    await sink.connect()
    await write(sink, again(0))
    expect(numbersIn()).toEqual([0, 1])
  })

  test.each(['json', 'jsonl'] as const)('says what to do about it: %s', async (format) => {
    const faulty = new FaultyDisk()
    const sink = await open({ format }, faulty)
    for (const [code, words] of [
      ['ENOSPC', 'the disk is full'],
      ['EROFS', 'can only be read'],
      ['EACCES', 'give it the right'],
    ]) {
      faulty.gone = code
      for (const call of [() => write(sink, event(0)), () => sink.connect()]) {
        const failure = await failureOf(call())
        expect([failure.code, failure.message]).toEqual(['SINK_UNAVAILABLE', expect.stringContaining(words!)])
      }
    }
    faulty.gone = undefined
    await sink.connect()
    await write(sink, again(0))
    expect(numbersIn()).toEqual([0])
  })

  test('a directory that is a file is for somebody to mend', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')
    const failure = await failureOf(open({ directory: path }))
    expect([failure.name, failure.code]).toEqual(['ConfigurationError', 'CONFIGURATION_INVALID'])
  })

  /** A real one, where the account of the tests may mount it. */
  const mounts = (path: string): boolean => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  test.each<[string, Partial<FileSinkOptions>]>([
    ['json', {}],
    ['jsonl', { format: 'jsonl' }],
    ['jsonl, packed', { format: 'jsonl', gzip: true }],
  ])('a full one takes everything when there is room again: %s', async (_, options) => {
    const small = join(directory, 'small')
    mkdirSync(small)
    if (!mounts(small)) return
    try {
      const sink = await open({ ...options, directory: small })
      const ballast = join(small, 'ballast')
      writeFileSync(ballast, Buffer.alloc(200 * 1_024))
      const events = Array.from({ length: 40 }, (_, number) => {
        const text = Array.from({ length: 200 }, () => Math.random().toString(36)).join('')
        return { ...event(number), event: { ...event(number).event, time: '', data: { number, text } } }
      })
      let written = 0
      const failure = await failureOf(async () => {
        for (; written < events.length; written++) await write(sink, events[written]!)
      })
      expect(failure.message).toContain('the disk is full')
      rmSync(ballast)
      await sink.connect()
      for (const one of events.slice(written)) await write(sink, { ...one, redelivered: true })
      const there = linesBelow(small).map(({ data }) => (data as { number: number }).number)
      expect(there.toSorted((a, b) => a - b)).toEqual(events.map((_, number) => number))
      await sink.close()
    } finally {
      execFileSync('umount', [small])
    }
  })
})

test('what is too large, or no JSON, is a fault of its own', async () => {
  const sink = await openLines({ maxEventBytes: 300 })
  const large = event(1)
  const text = '√'.repeat(100)
  const faults = await write(
    sink,
    event(0),
    { ...large, event: { ...large.event, time: '', data: { text } } },
    { ...large, event: { ...large.event, time: '', data: 1n } },
    event(3),
  )
  expect(faults.map((fault) => (fault as { code?: string } | undefined)?.code)).toEqual([
    undefined,
    'EVENT_TOO_LARGE',
    'EVENT_REFUSED',
  ])
  expect(numbersIn()).toEqual([0, 3])
})
