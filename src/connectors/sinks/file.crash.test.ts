import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filesBelow, linesBelow } from '../../../test/support/sink-files.ts'
import { SinkChild } from '../../../test/support/sink-process.ts'
import { until } from '../../../test/support/until.ts'
import { useLab } from '../../../test/support/use-lab.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { FileSinkOptions } from './file.ts'

const PART = 500
const COUNT = 4 * PART
const KILLS = 3
const GROUP = 'archive'
const { server, admin } = useRedis()
const lab = useLab(server)

let directory: string
let children: SinkChild[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'file-sink-'))
  children = []
})
afterEach(async () => {
  await Promise.all(children.map((child) => child.end()))
  rmSync(directory, { recursive: true, force: true })
})

function start(sink: Omit<FileSinkOptions, 'directory'>): SinkChild {
  const { stream } = lab
  const common = { name: 'archive', url: server.url, stream, group: GROUP, deadAfterMs: 600, batchSize: 50 }
  const child = new SinkChild({ ...common, spec: { type: 'file', options: { ...sink, directory } } })
  children.push(child)
  return child
}

const numbers = (): number[] => linesBelow(directory).map(({ data }) => data as number)

/** Nothing is unread, and nothing is pending. */
async function isDone(): Promise<boolean> {
  const [pending] = (await admin.send(['XPENDING', lab.stream, GROUP])) as [number]
  return pending === 0 && new Set(numbers()).size === COUNT
}

test.each<[string, Omit<FileSinkOptions, 'directory'>]>([
  ['a file per event', {}],
  ['packed segments', { format: 'jsonl', gzip: true, maxSegmentBytes: 10_000 }],
])('three instances that are killed at random leave each event exactly once: %s', async (_, options) => {
  const instances = [start(options), start(options), start(options)]
  await until('all of them', () => instances.every(({ lines }) => lines.length > 0))
  for (let part = 0; part < COUNT; part += PART) {
    const entries = Array.from({ length: PART }, (_, number) => ({
      fields: ['type', 'number', 'data', String(part + number)],
    }))
    await lab.log.append(lab.stream, entries)
    if (part / PART >= KILLS) continue
    await sleep(Math.random() * 80)
    const victim = (part / PART) % instances.length
    await instances[victim]!.end()
    instances[victim] = start(options)
  }
  await until('everything', isDone, 30_000)
  expect(numbers().toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, number) => number))
  if (options.format) await areWhole(options)
})

/** Those that are closed hold what their names say, and nothing torn. */
async function areWhole({ gzip }: Omit<FileSinkOptions, 'directory'>): Promise<void> {
  for (const path of filesBelow(directory)) {
    if (basename(path).startsWith('open-')) continue
    expect(statSync(path).size).toBe(Number(basename(path).split('-')[2]))
    const bytes = readFileSync(path)
    for (const line of (gzip ? gunzipSync(bytes) : bytes).toString().trim().split('\n')) JSON.parse(line)
  }
}
