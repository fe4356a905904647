import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FaultyDisk } from '../../../test/support/sink-disk.ts'
import { linesBelow } from '../../../test/support/sink-files.ts'
import { useSinkRuns } from '../../../test/support/sink-runs.ts'
import { until } from '../../../test/support/until.ts'
import { useLab } from '../../../test/support/use-lab.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { DEAD_AFTER_MS, GROUP } from '../../../test/support/worker-lab.ts'
import type { Consumer } from '../../core/stream-log.ts'
import type { SinkEvent } from '../../core/sink.ts'
import type { SinkPipeline } from '../sink-pipeline.ts'
import { FileSink } from './file.ts'
import type { Disk } from './file/disk.ts'

const COUNT = 300
/** The first claims are small, until it is known how large events are. */
const FEW = 12

const { server, admin } = useRedis()
const lab = useLab(server)

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'file-sink-'))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const startRun = useSinkRuns(5_000)

interface Asked {
  readonly writes: SinkEvent[][]
  readonly disk: FaultyDisk
  /** How often a folder was listed. */
  looks: number
}

/** A pipeline to segments in the directory, and what was asked of its sink and of the disk. */
async function start(): Promise<Asked & { run: SinkPipeline }> {
  const asked: Asked = { writes: [], disk: new FaultyDisk(), looks: 0 }
  const disk = new Proxy(asked.disk.disk, {
    get: (real, name: keyof Disk) => {
      if (name === 'readdir') asked.looks++
      return real[name]
    },
  })
  const sink = new FileSink({ directory, format: 'jsonl' }, disk)
  const write = sink.write.bind(sink)
  sink.write = (events, signal) => {
    asked.writes.push([...events])
    return write(events, signal)
  }
  const run = await startRun(lab.log, 'archive', {
    from: lab.stream,
    group: GROUP,
    to: sink,
    deadAfterMs: DEAD_AFTER_MS,
    // Long enough that on a busy machine too no claim is a batch of its own.
    batch: { size: 100, waitMs: 1_000 },
  })
  return Object.assign(asked, { run })
}

const numbers = () => linesBelow(directory).map(({ data }) => data as number)

/** Another consumer of the group, which holds all there is. */
async function holdAll(): Promise<Consumer> {
  const who = { stream: lab.stream, group: GROUP, consumer: 'before', deadAfterMs: DEAD_AFTER_MS }
  const consumer = await lab.log.join(who)
  expect(await consumer.claim(COUNT, 0, new AbortController().signal)).toHaveLength(COUNT)
  return consumer
}

test.each<[string, (consumer: Consumer) => Promise<void> | void]>([
  ['died', () => {}],
  ['left', (consumer) => consumer.leave()],
])('what a connector held that %s comes in few writes, each with one look and one sync', async (_, end) => {
  await lab.publish(COUNT)
  await end(await holdAll())
  const asked = await start()
  await until('all', () => numbers().length >= COUNT)
  expect(numbers().toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, number) => number))
  expect(asked.writes.flat().every(({ redelivered }) => redelivered)).toBe(true)
  expect(asked.writes.length).toBeLessThan(FEW)
  expect(asked.disk.dataSyncs).toBeLessThanOrEqual(asked.writes.length)
  // Some more for its start.
  expect(asked.looks).toBeLessThanOrEqual(asked.writes.length + 4)
})

test('what it wrote before it died is found in few looks, and stands once', async () => {
  await lab.publish(COUNT)
  const { run } = await start()
  await until('all', () => numbers().length === COUNT)
  await run.stop(5_000)
  // As if its acknowledgements had been lost: all of it is pending again, with one who is gone.
  await admin.send(['XGROUP', 'SETID', lab.stream, GROUP, '0'])
  await holdAll()
  const asked = await start()
  await until('all again', () => asked.writes.flat().length >= COUNT)
  await asked.run.stop(5_000)
  expect(asked.writes.length).toBeLessThan(FEW)
  expect(asked.looks).toBeLessThan(2 * FEW)
  expect(asked.disk.dataSyncs).toBe(0)
  expect(numbers()).toHaveLength(COUNT)
})
