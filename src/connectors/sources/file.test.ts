import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { beforeSave } from '../../../test/support/cursors.ts'
import { until } from '../../../test/support/until.ts'
import { Lab } from '../../../test/support/worker-lab.ts'
import { decodeEntry } from '../../core/codec.ts'
import type { Event } from '../../core/event.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import { noLog } from '../../core/service.ts'
import type { Cursors } from '../../core/source.ts'
import { MemoryCursors } from '../../testing/memory-cursors.ts'
import { MemoryStreamLog } from '../../testing/memory-log.ts'
import { configuredPipelines } from '../configured/configured-pipelines.ts'
import { pipeline, type SourcePipelineDeclaration } from '../pipeline.ts'
import { SourcePipeline } from '../source-pipeline.ts'
import { decodeCursor, encodeCursor } from './file/cursor.ts'
import { FileSet } from './file/file-set.ts'
import { JSON_LINES } from './file/formats.ts'
import { Listing } from './file/listing.ts'
import { fileSource, type FileSourceOptions } from './file.ts'

let lab: Lab
let folder: string
let path: string
let cursors: MemoryCursors
let runs: SourcePipeline[]
beforeEach(() => {
  lab = new Lab(new MemoryStreamLog())
  folder = mkdtempSync(join(tmpdir(), 'millrace-source-'))
  path = join(folder, 'app.log')
  cursors = new MemoryCursors()
  runs = []
})
afterEach(async () => {
  for (const run of runs) await run.stop(1_000)
  await lab.close()
  rmSync(folder, { recursive: true })
})

const LINES: FileSourceOptions = { path: '', format: 'jsonl', eventType: 'line' }

async function start(options: object = {}, kept: Cursors = cursors): Promise<SourcePipeline> {
  const from = fileSource({ ...LINES, path, pollMs: 5, ...options } as FileSourceOptions)
  const declared = pipeline('test', { from, to: lab.stream, retryDelayMs: 5 }) as SourcePipelineDeclaration
  const run = new SourcePipeline(declared, { streams: lab.log, log: noLog, cursors: kept })
  runs.push(run)
  await run.start()
  return run
}

async function readAll(options: object = {}): Promise<SourcePipeline> {
  const run = await start(options)
  await until('the end', () => ['finished', 'failed'].includes(run.status.state))
  return run
}

const follow = (options: object = {}) => start({ follow: true, ...options })

async function events(): Promise<Event[]> {
  const entries = await lab.log.read(lab.stream, FIRST_POSITION, 100_000).catch(() => [])
  return entries.map((entry) => decodeEntry(lab.stream, entry))
}
const data = async () => (await events()).map((event) => event.data)
const letters = async () => (await lab.letters()).map((one) => [one['deadletter-reason'], one['raw']])
const seen = (...wanted: unknown[]) =>
  until(JSON.stringify(wanted), async () => JSON.stringify(await data()) === JSON.stringify(wanted))
const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
const add = (...values: unknown[]) => appendFileSync(path, lines(...values))
/** So many files were begun, and of the last one nothing was read. */
const begun = (count: number) =>
  until('an empty file', () => {
    const cursor = decodeCursor(cursors.saved.get('test'))
    return cursor.begun === count && cursor.places.at(-1)?.offset === 0
  })
const isOpen = (file: string): boolean =>
  readdirSync('/proc/self/fd').some((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`) === file
    } catch {
      return false // The one that lists them.
    }
  })

describe('JSON lines', () => {
  test('each line is an event, with the parts of it that the options name', async () => {
    const time = '2026-01-28T10:00:00.000Z'
    const values = [
      { kind: 'a', user: { id: 7 }, at: time, n: 'one' },
      { kind: 'b', at: Date.parse(time) },
    ]
    writeFileSync(path, `\uFEFF${lines(values[0])}\r\n  \n${JSON.stringify(values[1])}`)
    const run = await readAll({ eventType: { field: 'kind' }, key: 'user.id', time: 'at', id: 'n' })
    expect(run.status).toMatchObject({ state: 'finished', written: 2, refused: 0 })
    expect(await events()).toMatchObject([
      { type: 'a', key: '7', time, id: 'one', data: values[0] },
      { type: 'b', key: undefined, time, data: values[1] },
    ])
  })

  test('a line that is none is a dead letter with its file and line, and no other is lost', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`1\n{"broken\n2\n${'['.repeat(100)}\n1e999\n{"a":1e999}\n`),
      Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
      Buffer.from(`"${'x'.repeat(3_000)}"\n3\n{"kind":{}}\n"no end`),
    ])
    writeFileSync(path, bytes)
    const run = await readAll({ maxLineBytes: 2_000, key: 'kind' })
    expect(await data()).toEqual([1, 2, 3])
    const told = await letters()
    expect(told.map(([reason]) => reason)).toEqual([
      expect.stringContaining('app.log, line 2: it is not JSON'),
      expect.stringContaining('line 4: it is nested deeper than 64 levels'),
      expect.stringContaining('line 5: it holds a number beyond'),
      expect.stringContaining('line 6: it holds a number beyond'),
      expect.stringContaining('line 7: it is no text in UTF-8'),
      expect.stringContaining('line 8: it is longer than 2000 bytes'),
      expect.stringContaining('line 10: what stands at "kind" is neither'),
      expect.stringContaining('line 11: it is not JSON'),
    ])
    expect(told[0]![1]).toBe('{"broken')
    expect(told[4]![1]).toBe(
      'base64://4ACg=='.replace('//4ACg==', Buffer.from([0xff, 0xfe, 0, 0x0a]).toString('base64')),
    )
    expect(told[5]![1]).toHaveLength(1_024)
    expect(run.status).toMatchObject({ written: 3, refused: 8 })
  })

  test('a line of half a gigabyte takes no memory', async () => {
    writeFileSync(path, '')
    truncateSync(path, 512 * 2 ** 20)
    appendFileSync(path, '\n1\n')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers)), 1)
    await readAll()
    clearInterval(timer)
    expect(await data()).toEqual([1])
    expect(most - before).toBeLessThan(128 * 2 ** 20)
  })

  test('there is no such file', async () => {
    const run = await readAll()
    expect(run.status).toMatchObject({ state: 'failed', lastError: { error: 'CONFIGURATION_INVALID' } })
    expect(run.status.lastError?.message).toContain(path)
  })
})

describe('CSV', () => {
  const csv = (options: object = {}) => ({ format: 'csv', csv: options })

  test('fields by the names in the first line; quotes, their pairs, ends of lines within them', async () => {
    writeFileSync(path, '\uFEFFa,"b ""x"""\r\n1,"two\r\nlines, ""q"""\r\n\r\n,"€"\r\n"__proto__",x')
    await readAll(csv())
    expect(await data()).toEqual([
      { a: '1', 'b "x"': 'two\r\nlines, "q"' },
      { a: '', 'b "x"': '€' },
      { a: '__proto__', 'b "x"': 'x' },
    ])
  })

  test('names that are given, another delimiter, and numbers that stay what they are', async () => {
    writeFileSync(path, '1;true;007\n-1.5e3;false;12345678901234567890\n1e999;;text\n')
    await readAll(csv({ columns: ['__proto__', 'b', 'c'], delimiter: ';', convert: true }))
    const rows = (await data()) as object[]
    expect(rows.map((row) => Object.entries(row))).toEqual([
      [
        ['__proto__', 1],
        ['b', true],
        ['c', '007'],
      ],
      [
        ['__proto__', -1500],
        ['b', false],
        ['c', '12345678901234567890'],
      ],
      [
        ['__proto__', '1e999'],
        ['b', ''],
        ['c', 'text'],
      ],
    ])
  })

  test('a bad line is one dead letter, with its number', async () => {
    writeFileSync(path, 'a,b\n1,2\n3\n4,5,6\n7,"x"y\n"two\nlines",8\n9,x"y\n10,"never\n11,12\n')
    await readAll(csv())
    expect(await data()).toEqual([
      { a: '1', b: '2' },
      { a: 'two\nlines', b: '8' },
      { a: '11', b: '12' },
    ])
    expect((await letters()).map(([reason]) => /line \d+/.exec(reason!)![0])).toEqual([
      'line 3',
      'line 4',
      'line 5',
      'line 8',
      'line 9',
    ])
  })

  test('a quote that is not closed for longer than a line may be spoils its own line', async () => {
    writeFileSync(path, `a\n"open\n${'line\n'.repeat(1_000)}`)
    await readAll({ ...csv(), maxLineBytes: 1_000 })
    expect(await data()).toHaveLength(1_000)
    expect(await letters()).toMatchObject([
      [expect.stringContaining('line 2: it is longer than 1000'), '"open'],
    ])
  })

  test.each([
    ['a,a\n1,2\n', 'twice'],
    ['a,\n1,2\n', 'empty'],
    ['\n1\n', 'blank'],
    ['"a\n1\n', 'closes'],
  ])('a first line that names no fields stops it: %j', async (text, why) => {
    writeFileSync(path, text)
    const { status } = await readAll(csv())
    expect(status).toMatchObject({ state: 'failed', written: 0 })
    expect(status.lastError?.message).toContain(why)
  })

  test('following goes on within the file after a restart, and knows its names', async () => {
    writeFileSync(path, 'a,b\n1,2\n')
    const run = await follow(csv())
    await seen({ a: '1', b: '2' })
    await run.stop(1_000)
    appendFileSync(path, '3,"4\n')
    await follow(csv())
    appendFileSync(path, '5"\n')
    await seen({ a: '1', b: '2' }, { a: '3', b: '4\n5' })
    expect(await letters()).toEqual([])
  })
})

test('CloudEvents keep their identity', async () => {
  const one = {
    specversion: '1.0',
    id: '7',
    source: '/shop',
    type: 'order.placed',
    partitionkey: 'k',
    data: { a: 1 },
  }
  writeFileSync(path, lines({ millraceentry: 'x', ...one, xtenant: 'acme' }, { ...one, id: '' }))
  await readAll({ format: 'cloudevents', eventType: undefined })
  expect(await events()).toMatchObject([
    {
      id: '7',
      type: 'order.placed',
      key: 'k',
      headers: { source: '/shop', xtenant: 'acme' },
      data: { a: 1 },
    },
  ])
  expect(await letters()).toMatchObject([[expect.stringContaining('id: must be a text'), expect.any(String)]])
})

test.each([true, false])(
  'a directory is told, since nobody writes lines to it (follow: %s)',
  async (follows) => {
    const run = await start({ path: folder, follow: follows })
    await until('the refusal', () => run.status.state === 'failed')
    expect(run.status.lastError?.message).toBe(
      `${folder} is a directory: name the files in it, such as ${join(folder, '*.log')}`,
    )
  },
)

test('the cursor of another source is told', async () => {
  cursors.saved.set('test', '{"page":7}')
  const run = await start()
  await until('the refusal', () => run.status.state === 'failed')
  expect(run.status.lastError?.message).toMatch(/^the cursor of this pipeline is not one of files: give/)
})

describe('following', () => {
  test('waits for the file, and for the end of a line', async () => {
    await follow()
    add(1)
    await seen(1)
    appendFileSync(path, '{"half":')
    await new Promise((resolve) => setTimeout(resolve, 50))
    appendFileSync(path, '2}\n')
    await seen(1, { half: 2 })
    expect(await letters()).toEqual([])
  })

  test('it runs, though there is nothing new, from its start and after a failure', async () => {
    add(1)
    const before = await follow()
    await seen(1)
    await before.stop(1_000)
    const run = await follow()
    await until('the start', () => run.status.state === 'running')
    const aside = `${folder}-aside`
    renameSync(folder, aside)
    writeFileSync(folder, 'no directory')
    await until('the failure', () => run.status.state === 'retrying')
    rmSync(folder)
    renameSync(aside, folder)
    await until('the end of it', () => run.status.state === 'running')
    expect(await data()).toEqual([1])
  })

  test('it runs while there is no file yet', async () => {
    const run = await follow()
    await until('the start', () => run.status.state === 'running')
    expect(run.status.lastError).toBeUndefined()
  })

  test('a file that is empty when it is found, or was cut, is read as soon as it has lines', async () => {
    writeFileSync(path, '')
    const run = await follow()
    await begun(1)
    add(1)
    await seen(1)
    truncateSync(path)
    await begun(2)
    add(2)
    await seen(1, 2)
    expect(run.status.state).toBe('running')
  })

  test('a file that rested is read on', async () => {
    add(1)
    await follow()
    await seen(1)
    const now = performance.now.bind(performance)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000)
    await until('its end', () => !isOpen(path))
    clock.mockRestore()
    add(2)
    await seen(1, 2)
    expect(await letters()).toEqual([])
  })

  test('a file that is written anew with as many bytes is another one', async () => {
    add('one')
    await follow()
    await seen('one')
    writeFileSync(path, lines('two'))
    await seen('one', 'two')
    expect(await letters()).toEqual([])
  })

  test('a file that was renamed is read to its end, before and after the new one is there', async () => {
    add(1)
    await follow()
    await seen(1)
    renameSync(path, `${path}.1`)
    appendFileSync(`${path}.1`, lines(2))
    add(3)
    await until('all', async () => (await data()).length === 3)
    appendFileSync(`${path}.1`, lines(4))
    await seen(1, 2, 3, 4)
    expect(await letters()).toEqual([])
  })

  test('a last line without an end counts when the file is out of the way', async () => {
    add(1)
    await follow()
    await seen(1)
    appendFileSync(path, '2')
    renameSync(path, `${path}.1`)
    await seen(1, 2)
    expect(await letters()).toEqual([])
  })

  test('what was written to a file that is removed is read, while it is open', async () => {
    add(1)
    const run = await follow()
    await seen(1)
    run.pause()
    add(2)
    await until('a batch in hand', () => run.status.state === 'paused')
    unlinkSync(path)
    add(3)
    run.resume()
    await seen(1, 2, 3)
    expect(await letters()).toEqual([])
  })

  test('a copy that is only begun is none of the files yet: what it holds in the end was read', async () => {
    const old = Array.from({ length: 400 }, (_, number) => number)
    add(...old)
    const before = await follow()
    await seen(...old)
    await before.stop(1_000)
    // Somebody has begun to copy it, and takes his time.
    writeFileSync(`${path}.1`, '')
    const later = new Date(Date.now() + 60_000)
    utimesSync(`${path}.1`, later, later)
    await follow()
    add(400)
    await seen(...old, 400)
    copyFileSync(path, `${path}.1`)
    truncateSync(path)
    add('new')
    await seen(...old, 400, 'new')
    expect(await letters()).toEqual([])
  })

  test('a file that is copied and cut goes on in its copy, then at its beginning', async () => {
    add('first', 1)
    const run = await follow()
    await seen('first', 1)
    await run.stop(1_000)
    add(2)
    copyFileSync(path, `${path}.1`)
    truncateSync(path)
    add('again', 1, 3)
    await follow()
    await seen('first', 1, 2, 'again', 1, 3)
    expect(await letters()).toEqual([])
  })

  test('a copy alone is not read', async () => {
    add(1)
    await follow()
    await seen(1)
    copyFileSync(path, `${path}.copy`)
    renameSync(path, `${path}.1`)
    add(2)
    await seen(1, 2)
    expect(await letters()).toEqual([])
  })

  test('a file that is written anew is read from its beginning, though it has the same node', async () => {
    add(1, 2)
    await follow()
    await seen(1, 2)
    const { ino } = statSync(path)
    writeFileSync(path, lines(10, 20, 30))
    expect(statSync(path).ino).toBe(ino)
    await seen(1, 2, 10, 20, 30)
  })

  test('rotated several times while nobody read: all of it in its order, and older files not at all', async () => {
    writeFileSync(`${path}.1`, lines('before'))
    utimesSync(`${path}.1`, 1, 1)
    add(1)
    const run = await follow()
    await seen(1)
    await run.stop(1_000)
    add(2)
    renameSync(`${path}.1`, `${path}.2`)
    renameSync(path, `${path}.1`)
    add(3)
    renameSync(`${path}.2`, `${path}.3`)
    renameSync(`${path}.1`, `${path}.2`)
    renameSync(path, `${path}.1`)
    add(4)
    writeFileSync(`${path}.1.gz`, 'packed')
    await follow()
    await seen(1, 2, 3, 4)
    expect(await letters()).toEqual([])
  })

  test('rotated twice behind the look at the directory: the time of the new file is not taken for its own', async () => {
    const write = (file: string, second: number) => {
      writeFileSync(file, lines(second))
      utimesSync(file, second, second)
    }
    write(path, 1)
    const files = new FileSet(
      decodeCursor(undefined),
      new Listing(path),
      { format: JSON_LINES, maxBytes: 100 },
      noLog,
    )
    await files.survey()
    renameSync(path, `${path}.2`)
    write(`${path}.1`, 2)
    write(path, 3)
    expect(await files.files[0]!.hasMore()).toBe(true)
    expect(files.cursor.since).toBe(1_000)
    const limits = { records: 1, bytes: 100 }
    await expect(files.files[0]!.read(limits, false)).rejects.toMatchObject({ code: 'ENOENT' })
    files.lookAgain()
    await files.survey()
    expect(files.files.map((file) => file.path)).toEqual([`${path}.2`, `${path}.1`, path])
    await files.close()
  })

  test('files that a glob names, new ones as they come; each has a place of its own', async () => {
    const file = (name: string) => join(folder, name)
    writeFileSync(file('b.jsonl'), lines('b1'))
    writeFileSync(file('a.jsonl'), lines('a1'))
    writeFileSync(file('c.txt'), lines('c1'))
    const run = await follow({ path: file('*.jsonl') })
    await seen('a1', 'b1')
    appendFileSync(file('a.jsonl'), lines('a2'))
    await seen('a1', 'b1', 'a2')
    await run.stop(1_000)
    renameSync(file('a.jsonl'), file('z.jsonl'))
    appendFileSync(file('z.jsonl'), lines('a3'))
    await follow({ path: file('*.jsonl') })
    await seen('a1', 'b1', 'a2', 'a3')
    writeFileSync(file('d.jsonl'), lines('d1'))
    await seen('a1', 'b1', 'a2', 'a3', 'd1')
    expect(await letters()).toEqual([])
  })

  test('a file that can not be read keeps no other from being read, and is told', async () => {
    const file = (name: string) => join(folder, name)
    writeFileSync(file('a.csv'), 'x,x\n')
    writeFileSync(file('b.csv'), 'x\n1\n')
    const run = await follow({ path: file('*.csv'), format: 'csv' })
    await seen({ x: '1' })
    await until('the failure', () => run.status.state === 'failed')
    expect(run.status.lastError?.message).toContain('a.csv')
  })
})

test('many lines come once and in their order, though the place is forgotten now and then', async () => {
  const numbers = Array.from({ length: 5_000 }, (_, number) => number)
  writeFileSync(path, lines(...numbers))
  let saves = 0
  const forgetful = beforeSave(cursors, () => {
    if (++saves % 3 === 0) throw new Error('not saved')
  })
  const run = await start({ batchSize: 100 }, forgetful)
  await until('the end', () => run.status.state === 'finished')
  expect(await data()).toEqual(numbers)
})

/** What was read, was read from a disk of another number, and so much earlier. */
function renumberDisk(earlierMs = 0): void {
  const { places, since, ...rest } = decodeCursor(cursors.saved.get('test'))
  const elsewhere = places.map((place) => ({ ...place, file: place.file.replace(/^\d+/, '4711') }))
  cursors.saved.set('test', encodeCursor({ ...rest, since: since - earlierMs, places: elsewhere }))
}

test.each(['app.log', '*.log'])(
  'a disk that has another number on this host, or since it was started, has the same files: %s',
  async (name) => {
    writeFileSync(path, lines(1, 2))
    await (await readAll({ path: join(folder, name) })).stop(1_000)
    renumberDisk()
    add(3)
    await readAll({ path: join(folder, name) })
    expect(await data()).toEqual([1, 2, 3])
  },
)

test('a file that was made later is another one, though its inode and its first lines are the same', async () => {
  writeFileSync(path, lines(1))
  await (await readAll()).stop(1_000)
  renumberDisk(60_000)
  await readAll()
  expect(await data()).toEqual([1, 1])
})

test('every mistake in the options is told at once', () => {
  const wrong = {
    path: 'a/*/b',
    format: 'xml',
    follow: 1,
    eventType: '',
    key: 'a..b',
    maxLineBytes: 0,
    pollMs: 2 ** 31,
    csv: { delimiter: '""', columns: ['a', 'a'] },
  }
  expect(() => fileSource(wrong as never)).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      issues: [
        'path',
        'format',
        'follow',
        'maxLineBytes',
        'pollMs',
        'eventType',
        'key',
        'csv',
        'csv.delimiter',
        'csv.columns',
      ].map((at) => expect.objectContaining({ path: at })),
    }),
  )
})

test('a file of pipelines names it as the source `file`', async () => {
  writeFileSync(path, 'a;b\n1;2\n')
  const from = { type: 'file', path, format: 'csv', eventType: 'row', csv: { delimiter: ';', convert: true } }
  const [declared] = configuredPipelines([{ name: 'test', from, to: lab.stream }], { env: {} })
  const surroundings = { streams: lab.log, log: noLog, cursors }
  const run = new SourcePipeline(declared as SourcePipelineDeclaration, surroundings)
  runs.push(run)
  await run.start()
  await seen({ a: 1, b: 2 })
  expect(await letters()).toEqual([])
})
