import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Child } from '../../../test/support/child-process.ts'
import type { SourceFileChildOptions } from '../../../test/support/source-file-child.ts'
import { until } from '../../../test/support/until.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { FIRST_POSITION } from '../../core/position.ts'

const server = useRedisServer()
const log = useLog(server)

let folder: string
let children: Child<{ ready: true }>[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-source-'))
  children = []
})
afterEach(async () => {
  for (const child of children) await child.end()
  rmSync(folder, { recursive: true })
})

function start(options: SourceFileChildOptions): Child<{ ready: true }> {
  const child = new Child<{ ready: true }>('./source-file-child.ts', options)
  children.push(child)
  return child
}

async function numbers(stream: string): Promise<number[]> {
  const entries = await log.read(stream, FIRST_POSITION, 1_000_000).catch(() => [])
  return entries.map(({ fields }) => Number(fields[3]))
}

const KILLS = 3
const PER_LIFE = 2_000

/** What becomes of the file while it is read: what a rotation does, one file every time. */
const ROTATIONS: Record<string, (path: string, round: number) => void> = {
  renamed: (path, round) => renameSync(path, `${path}.${round}`),
  'copied and cut': (path, round) => {
    copyFileSync(path, `${path}.${round}`)
    truncateSync(path)
  },
}

test.each(Object.entries(ROTATIONS))(
  'killed again and again while files are written and %s, it loses no line and repeats none',
  async (_, rotate) => {
    const [path, stream] = [join(folder, 'app.log'), `lines:${_}`]
    let written = 0
    const write = (count: number) => {
      const lines = Array.from({ length: count }, () => `${written++}\n`)
      appendFileSync(path, lines.join(''))
    }
    for (let round = 1; round <= KILLS; round++) {
      const child = start({ url: server.url, path, stream })
      const before = (await numbers(stream)).length
      write(100)
      // Only what was there before it began for the first time is none of its business.
      await until('the first lines', async () => (await numbers(stream)).length > 0)
      for (let left = PER_LIFE; left > 0; left -= 100) {
        write(100)
        if (left === PER_LIFE / 2) rotate(path, round)
        await sleep(1)
      }
      await until('lines of this life', async () => (await numbers(stream)).length > before + 500)
      await child.end()
      // And what happens while nobody reads.
      write(500)
    }
    start({ url: server.url, path, stream })
    await until('all of them', async () => (await numbers(stream)).length >= written)
    expect(await numbers(stream)).toEqual(Array.from({ length: written }, (_, number) => number))
  },
  60_000,
)

const ROUNDS = 6
/** With a glob each file is by itself, whatever it is called: it takes the names of rotated ones, too. */
const SHARED = [
  { path: '*.log*', files: ['x.log', 'y.log', 'z.log'], rotation: 'renamed' },
  { path: 'x.log', files: ['x.log'], rotation: 'renamed' },
  { path: 'x.log', files: ['x.log'], rotation: 'copied and cut' },
]
/** In the order of time; by name they are the other way round. */
const APPEARING = ['i.log', 'h.log', 'g.log', 'f.log', 'e.log', 'd.log', 'c.log', 'b.log', 'a.log']

test.each(SHARED)(
  'two instances that are killed in turn, while files for $path appear and are $rotation, bring each line once',
  async ({ path, files, rotation }) => {
    const stream = `shared:${path}:${rotation}`
    const options = { url: server.url, path: join(folder, path), stream }
    let written = 0
    const write = (file: string) => appendFileSync(join(folder, file), `${written++}\n`)
    const writeAll = (lines: number) => {
      for (let line = 0; line < lines; line++) for (const file of files) write(file)
    }
    writeAll(10)
    let [older, newer] = [start(options), start(options)]
    await until('the first lines', async () => (await numbers(stream)).length === written)
    for (let round = 1; round <= ROUNDS; round++) {
      await until('both', () => older.lines.length > 0 && newer.lines.length > 0)
      const before = (await numbers(stream)).length
      writeAll(200)
      for (const file of files) ROTATIONS[rotation]!(join(folder, file), round)
      writeAll(200)
      if (path !== 'x.log')
        for (const name of APPEARING) {
          for (let line = 0; line < 50; line++) write(`${round}-${name}`)
          await sleep(3)
        }
      await until('lines of this round', async () => (await numbers(stream)).length > before + 300)
      await older.end()
      ;[older, newer] = [newer, start(options)]
    }
    await until('all of them', async () => (await numbers(stream)).length >= written)
    const all = await numbers(stream)
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, number) => number))
  },
  60_000,
)
