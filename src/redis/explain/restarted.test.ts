import { expect, test } from 'vitest'
import { useRedis } from '../../../test/support/use-redis.ts'
import { until } from '../../../test/support/until.ts'
import type { GroupExplanation } from '../../core/explain.ts'
import { openConnection } from '../connections/servers.ts'
import { RedisStreamCatalogue } from '../operations/catalogue.ts'
import { RedisStreamLog } from '../redis-log.ts'
import { RedisExplain } from './explain.ts'

const { server, admin } = useRedis({ args: ['--appendonly', 'yes', '--save', ''] })
const operator = { actor: 'ada', reason: 'a drill' }

/** Members of Millrace read what is there and leave; then the server reads its append-only file. */
test('a server that was started again does not know who has read what, and nobody is said to have started late', async () => {
  const log = await RedisStreamLog.open({ url: server.url })
  const names = { from0: '0', late: '$', made: '0', reset: '0' } as const
  await log.append('orders', [{ fields: ['n', '1'] }, { fields: ['n', '2'] }])
  await log.operations.lifecycle.create('orders', 'made', operator)
  for (const [group, start] of Object.entries(names)) {
    const consumer = await log.join({ stream: 'orders', group, consumer: 'one', start })
    const claims = start === '$' ? [] : await consumer.claim(10, 50, new AbortController().signal)
    await consumer.settle(claims.map(({ position }) => ({ kind: 'acknowledge', position })))
    await consumer.heartbeat()
    await consumer.leave()
  }
  const request = { stream: 'orders', group: 'reset', to: 'end' } as const
  await log.operations.resets.reset(request, { force: true, ...operator })
  for (const command of [
    ['XGROUP', 'CREATE', 'orders', 'theirs', '0'],
    ['XREADGROUP', 'GROUP', 'theirs', 'a', 'STREAMS', 'orders', '>'],
  ])
    await admin.send(command)
  await log.close()
  await server.restart()

  const connection = await until('Redis', () => openConnection({ url: server.url }, 'test'))
  const groups = await connection.send<unknown[][]>(['XINFO', 'GROUPS', 'orders'])
  expect(groups.map((row) => row[row.indexOf('entries-read') + 1])).toEqual([null, null, null, null, null])
  const explained = await new RedisExplain(connection, new RedisStreamCatalogue(connection)).explain({})
  await connection.close()
  const of = (name: string): GroupExplanation => explained.find(({ group }) => group === name)!
  for (const name of ['from0', 'made']) expect(of(name)).toMatchObject({ group: name, verdict: 'healthy' })
  for (const name of ['late', 'reset'])
    expect(of(name)).toMatchObject({ group: name, verdict: 'started-late' })
  expect(of('theirs').summary).toContain('or Redis was started again')
})
