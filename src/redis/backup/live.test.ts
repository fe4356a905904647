import { expect, test } from 'vitest'
import { Reject, RetryLater, type Handler } from '../../core/delivery.ts'
import { backupLab, backupOf, contentsOf, restoreTo, TestRun } from '../../../test/support/backup-lab.ts'
import { until } from '../../../test/support/until.ts'
import { GROUP, Lab, toObject } from '../../../test/support/worker-lab.ts'
import { useCluster } from '../../../test/support/use-cluster.ts'
import { resolveRetention } from '../../core/retention-policy.ts'
import type { Connection } from '../connection.ts'
import { openConnection } from '../connections/servers.ts'
import { deadLetterKey } from '../keys.ts'
import { RedisStreamLog } from '../redis-log.ts'

const lab = backupLab()
const cluster = useCluster({ masters: 3, replicasPerMaster: 0 })
const openLab = async (url: string, stream: string) => {
  const log = await RedisStreamLog.open({ url })
  return new Lab(log, () => log.close(), stream)
}

const RETRY = `{orders}:group:${GROUP}:retry`
const operationsOf = ({ log }: Lab) => (log as RedisStreamLog).operations

/** What is pending: position, consumer, deliveries. */
async function statesOf(connection: Connection): Promise<[string, string, number][]> {
  const args = ['XPENDING', 'orders', GROUP, '-', '+', '1000']
  const rows = await connection.send<[string, string, number, number][]>(args)
  return rows.map(([position, consumer, , deliveries]) => [position, consumer, deliveries])
}

test('a worker goes on after a restore: each entry once more, but what was done, and what waits at its time', async () => {
  const before = await openLab(lab.sourceServer.url, 'orders')
  const positions = await before.publish(10)
  const begun: number[] = []
  const handler: Handler = async ({ event, signal }) => {
    const number = event.data as number
    if (number === 1) throw new Reject('never')
    if (number === 2) throw new RetryLater(600_000, 'later')
    if (number > 2) {
      begun.push(number)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    }
  }
  await before.start(handler, { concurrency: 4 })
  await until('a letter, a retry, and four that run', async () => {
    const [letters, waiting] = [await before.letters(), await lab.source.send(['ZCARD', RETRY])]
    return letters.length === 1 && waiting === 1 && begun.length === 4
  })
  await until('one that is done', async () =>
    (await statesOf(lab.source)).every(([id]) => id !== positions[0]),
  )
  await lab.backup()
  const due = await lab.source.send(['ZRANGE', RETRY, '0', '-1', 'WITHSCORES'])
  const held = await statesOf(lab.source)
  await before.close()
  await lab.restore()
  expect(await lab.target.send(['ZRANGE', RETRY, '0', '-1', 'WITHSCORES'])).toEqual(due)
  expect(await statesOf(lab.target)).toEqual(held)

  const after = await openLab(lab.targetServer.url, 'orders')
  const runs: [number, number][] = []
  await after.start(({ event, attempt }) => void runs.push([event.data as number, attempt]))
  // Well before consumers of other software would count as dead.
  await until('the others', async () => runs.length >= 7 && (await statesOf(lab.target)).length === 1)
  const pendingBefore = held.filter(([, consumer]) => consumer !== '~retry').length
  expect(runs.map(([number]) => number).sort()).toEqual([3, 4, 5, 6, 7, 8, 9])
  expect(runs.filter(([, attempt]) => attempt === 2)).toHaveLength(pendingBefore)
  await after.close()
})

test('a group that was paused stays so, and dead letters can be redriven', async () => {
  const before = await openLab(lab.sourceServer.url, 'orders')
  await before.publish(2)
  const failing = await before.start(() => {
    throw new Reject('never')
  })
  await until('two letters', () => failing.status.deadLettered === 2)
  await failing.stop(100)
  await operationsOf(before).control.pause('orders', GROUP, { actor: 'ada' })
  await before.publish(1)
  await lab.backup()
  await before.close()
  await lab.restore()

  const after = await openLab(lab.targetServer.url, 'orders')
  const { deadLetters, control } = operationsOf(after)
  const runs: unknown[] = []
  expect(await control.pausedSince('orders', GROUP)).toBeGreaterThan(0)
  await deadLetters.redrive('orders', { filter: { group: GROUP } }, { actor: 'ada' })
  await after.start(({ event }) => void runs.push(event.data))
  await control.resume('orders', GROUP, { actor: 'ada' })
  await until('letters and what was unread', () => runs.length === 3)
  expect(runs.map(String).sort()).toEqual(['0', '0', '1'])
  await after.close()
})

test('while events are published, handled and trimmed nothing that was not acknowledged is missing', async () => {
  const before = await openLab(lab.sourceServer.url, 'orders')
  const log = before.log as RedisStreamLog
  const acknowledged = new Set<number>()
  let published = 0
  let trimmed = 0
  const end = new AbortController()
  const fields = (n: number) => ['type', 'number', 'data', String(n), 'pad', 'x'.repeat(200)]
  const publishing = (async () => {
    while (!end.signal.aborted) {
      const entries = Array.from({ length: 100 }, () => ({ fields: fields(published++) }))
      await log.append('orders', entries)
    }
  })()
  await before.start(({ event }) => void acknowledged.add(event.data as number), { concurrency: 20 })
  const trimming = (async () => {
    const target = resolveRetention({ stream: 'orders', policy: { processed: true } })
    while (!end.signal.aborted) trimmed += (await log.operations.retention.trim(target)).trimmed
  })()
  await until('some traffic', () => acknowledged.size > 2_000 && trimmed > 0)
  const doneBefore = new Set(acknowledged)
  const first = published
  await lab.backup()
  end.abort()
  await Promise.all([publishing, trimming])
  await before.close()
  await lab.restore()

  const rows = await lab.target.send<[string, string[]][]>(['XRANGE', 'orders', '-', '+'])
  const there = new Set(rows.map(([, fields]) => Number(toObject(fields)['data'])))
  const missing = Array.from({ length: first }, (_, n) => n).filter(
    (n) => !doneBefore.has(n) && !there.has(n),
  )
  // What was handled after the look and before the backup's may be gone as well, but nothing else.
  expect(missing.filter((n) => !acknowledged.has(n))).toEqual([])
  const after = await openLab(lab.targetServer.url, 'orders')
  const ran = new Set<number>()
  await after.start(({ event }) => void ran.add(event.data as number), { concurrency: 50 })
  await until('the rest', async () => {
    const [[, , , , , pending, , delivered]] = await lab.target.send<[unknown[]]>([
      'XINFO',
      'GROUPS',
      'orders',
    ])
    return pending === 0 && delivered === rows.at(-1)![0]
  })
  const lost = [...there].filter((n) => !ran.has(n) && !acknowledged.has(n))
  expect(lost).toEqual([])
  await after.close()
}, 60_000)

test('no command of it takes longer than a few milliseconds', async () => {
  const fill = `for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'n', i, 'data', string.rep('x', 100)) end`
  for (let n = 0; n < 50; n++) await lab.source.send(['EVAL', fill, '1', 'orders'])
  await lab.source.send(['XGROUP', 'CREATE', 'orders', 'g', '0'])
  for (let n = 0; n < 20; n++)
    await lab.source.send(['XREADGROUP', 'GROUP', 'g', `c${n}`, 'COUNT', '1000', 'STREAMS', 'orders', '>'])
  for (const connection of [lab.source, lab.target]) await connection.send(['CONFIG', 'RESETSTAT'])
  await lab.backup()
  await lab.restore()
  // By their mean, since a machine that is busy stops each command now and then.
  for (const connection of [lab.source, lab.target]) {
    const stats = await connection.send<string>(['INFO', 'commandstats'])
    const means = [...stats.matchAll(/cmdstat_(\S+?):.*usec_per_call=([\d.]+)/g)]
    expect(means.length).toBeGreaterThan(5)
    expect(means.filter(([, , micros]) => Number(micros) > 5_000).map(([, command]) => command)).toEqual([])
  }
})

test('a cluster is backed up, and restored into', async () => {
  const connection = await openConnection({ cluster: { nodes: cluster.nodes } }, 'test')
  const names = ['a', 'b', 'c{d}', 'e}f', 'g']
  for (const name of names) {
    for (let n = 1; n <= 300; n++) await connection.send(['XADD', name, `${n}-0`, 'n', String(n)])
    await connection.send(['XGROUP', 'CREATE', name, 'g', '0'])
    await connection.send(['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '100', 'STREAMS', name, '>'])
    await connection.send(['XADD', deadLetterKey(name), '1-1', 'a', 'b'])
  }
  const before = await contentsOf(connection)
  const backup = backupOf(connection)
  await backup.run(await backup.check({ path: lab.path }), new TestRun('b'))
  for (const server of connection.masters()) await server.send(['FLUSHALL'])
  const restore = restoreTo(connection)
  await restore.run(await restore.check({ path: lab.path }), new TestRun('r'))
  expect(await contentsOf(connection)).toEqual(before)
  await connection.close()
}, 60_000)
