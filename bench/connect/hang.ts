import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Servers } from '../contender.ts'
import { orders } from '../payload.ts'
import { rawAppend, rawClient, type RawClient } from '../raw.ts'
import { until } from '../until.ts'

/** A pipeline whose sink does not answer for a while, and then does. */
export interface Hang {
  hangSeconds: number
  /** How many events were published meanwhile. */
  events: number
  /** The most that was ever resident, until the pipeline had caught up, in MB. */
  peakMb: number
  /** How long that took, in seconds. */
  caughtUpSeconds: number
}

const STREAM = 'hang'
const BATCH = 250
/** 5,000 events a second. */
const PAUSE_MS = 50

export async function measureHang({ redis }: Servers, hangSeconds: number): Promise<Hang> {
  const client = await rawClient(redis)
  const main = join(import.meta.dirname, 'hang-main.mjs')
  const child = fork(main, [redis, STREAM, String(hangSeconds * 1_000)], { execArgv: [] })
  try {
    await once(child, 'message')
    const events = await produce(client, hangSeconds)
    const since = performance.now()
    await until(() => isDrained(client))
    const caughtUpSeconds = (performance.now() - since) / 1_000
    child.send('peak')
    const [{ peakMb }] = (await once(child, 'message')) as [{ peakMb: number }]
    return { hangSeconds, events, peakMb, caughtUpSeconds }
  } finally {
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
    await client.flushAll('SYNC')
    client.destroy()
  }
}

/** As long as the sink hangs. Fails where an entry was acknowledged meanwhile. */
async function produce(client: RawClient, seconds: number): Promise<number> {
  const batch = orders(BATCH)
  const end = performance.now() + seconds * 1_000 - PAUSE_MS
  let events = 0
  while (performance.now() < end) {
    await rawAppend(client, STREAM, batch)
    events += BATCH
    await sleep(PAUSE_MS)
  }
  return events
}

async function isDrained(client: RawClient): Promise<boolean> {
  const [group] = await client.xInfoGroups(STREAM)
  return group?.pending === 0 && group.lag === 0
}
