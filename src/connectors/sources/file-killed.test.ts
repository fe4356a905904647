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
let children: Child<never>[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-source-'))
  children = []
})
afterEach(async () => {
  for (const child of children) await child.end()
  rmSync(folder, { recursive: true })
})

function start(options: SourceFileChildOptions): Child<never> {
  const child = new Child<never>('./source-file-child.ts', options)
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
