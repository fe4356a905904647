import { setImmediate as immediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestRedis, type TestServer } from '../../engines/test-servers.ts'
import type { Connection } from '../connection.ts'
import { openConnection } from '../connections/servers.ts'
import { Reader } from './reader.ts'

const BLOCK_MS = 5_000

let server: TestServer
let control: Connection
let reader: Reader

beforeAll(async () => {
  server = await startTestRedis()
  control = await openConnection({ url: server.url }, 'control')
  await control.send(['XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM'])
  const connection = await openConnection({ url: server.url }, 'reader')
  reader = new Reader(connection, control, { stream: 's', group: 'g', consumer: 'c' })
})
afterAll(async () => {
  await reader?.close()
  await control?.close()
  await server?.stop()
})

test('a read that is ended right after another one was woken does not wait to its end', async () => {
  await reader.read(1, 1, new AbortController().signal) // it knows its connection now
  const before = performance.now()
  for (let round = 0; round < 100; round++) {
    const first = reader.read(1, BLOCK_MS, new AbortController().signal)
    await immediate()
    reader.wake()
    await first
    const stop = new AbortController()
    const second = reader.read(1, BLOCK_MS, stop.signal)
    for (let turns = round % 3; turns > 0; turns--) await immediate()
    stop.abort()
    expect(await second).toEqual([])
  }
  expect(performance.now() - before).toBeLessThan(BLOCK_MS)
})

test('reads that do not wait are not held up by the tick of an idle server', async () => {
  const before = performance.now()
  for (let round = 0; round < 50; round++)
    expect(await reader.read(1, 0, new AbortController().signal)).toEqual([])
  expect(performance.now() - before).toBeLessThan(2_500)
})
