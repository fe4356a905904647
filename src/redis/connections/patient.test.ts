import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { useCluster } from '../../../test/support/use-cluster.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useSentinel } from '../../../test/support/use-sentinel.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { noLog } from '../../core/service.ts'
import type { Connection, RedisOptions } from '../connection.ts'
import { RedisStreamLog } from '../redis-log.ts'
import { slotOf } from '../slots.ts'
import { PatientConnection } from './patient.ts'
import { openConnection } from './servers.ts'

const PATIENCE_MS = 300
const STREAM = 'patient'
const { server, admin } = useRedis()

describe('a command', () => {
  const proxy = useProxy(server)
  let opened: Connection
  let patient: PatientConnection

  beforeEach(async () => {
    await admin.send(['FLUSHALL'])
    opened = await openConnection({ url: proxy.url('redis') }, 'test')
    patient = new PatientConnection(opened, PATIENCE_MS)
  })
  afterEach(() => patient.close())

  const away = async () => {
    await proxy.stop()
    await until('the end', () => !opened.masters()[0]!.ready)
  }

  test('waits for a connection that is being made again', async () => {
    proxy.cut()
    await until('the end', () => !opened.masters()[0]!.ready)
    expect(await patient.send(['PING'])).toBe('PONG')
  })

  test('waits for so long and no longer', async () => {
    await away()
    const start = performance.now()
    expect(await failureOf(patient.send(['PING']))).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
    expect(performance.now() - start).toBeGreaterThanOrEqual(PATIENCE_MS - 1)
  })

  test('ends with its connection', async () => {
    await away()
    const patient = new PatientConnection(opened, 3_600_000)
    const waiting = failureOf(patient.send(['PING']))
    await patient.close()
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
  })

  test('that was sent and not answered is not sent again, but where it is safe to do it twice', async () => {
    const increase = () => patient.send(['INCR', 'key'])
    const lose = () => proxy.dropNextReply((command) => command.includes('INCR'))
    let lost = lose()
    expect(await failureOf(increase())).toMatchObject({ code: 'REDIS_UNCERTAIN' })
    await lost
    expect(await patient.send(['GET', 'key'])).toBe('1')
    lost = lose()
    expect(await patient.insist('key', increase)).toBe(3)
    await lost
  })

  test('waits for a Redis that is busy', async () => {
    await admin.send(['CONFIG', 'SET', 'busy-reply-threshold', '1'])
    const patient = new PatientConnection(opened, 60_000)
    const busy = openConnection({ url: server.url }, 'busy')
    const script = (await busy).send(['EVAL', 'while true do end', '0'], 60_000).catch(() => {})
    await until('a busy Redis', async () => /BUSY/.test((await failureOf(opened.send(['PING']))).message))
    const [sent, insisted] = [patient.send(['PING']), patient.insist('key', () => opened.send(['PING']))]
    await admin.send(['SCRIPT', 'KILL'])
    expect(await Promise.all([sent, insisted])).toEqual(['PONG', 'PONG'])
    await script
    await (await busy).close()
  })

  test('that Redis refuses for good fails at once', async () => {
    const patient = new PatientConnection(opened, 3_600_000)
    await patient.send(['LPUSH', 'list', 'x'])
    expect(await failureOf(patient.send(['INCR', 'list']))).toMatchObject({ code: 'REDIS_REFUSED' })
    const wrong = () => patient.send(['INCR', 'list'])
    expect(await failureOf(patient.insist('list', wrong))).toMatchObject({ code: 'REDIS_REFUSED' })
  })
})

/** Ends the master of the stream; answers how to have it back. */
interface Place {
  options(): RedisOptions
  end(): Promise<() => Promise<void>>
}

function useServer(): Place {
  return {
    options: () => ({ url: server.url }),
    async end() {
      await server.kill('SIGKILL')
      return () => server.restart()
    },
  }
}

function useMasterOfSentinels(): Place {
  const lab = useSentinel()
  return {
    options: () => ({ sentinel: { name: lab.name, nodes: lab.nodes } }),
    async end() {
      await (await lab.master()).kill('SIGKILL')
      return async () => {}
    },
  }
}

function useMasterOfCluster(): Place {
  const lab = useCluster()
  return {
    options: () => ({ cluster: { nodes: lab.nodes } }),
    async end() {
      await (await lab.masterOf(slotOf(STREAM))).kill('SIGKILL')
      return async () => {}
    },
  }
}

describe.each([
  ['one server', useServer],
  ['Sentinel', useMasterOfSentinels],
  ['Cluster', useMasterOfCluster],
])('on %s', (_, usePlace) => {
  const place = usePlace()

  test('who joins, asks or operates while there is no master waits for the next one', async () => {
    const warnings: string[] = []
    const lines = { ...noLog, warn: (_: object, line: string) => void warnings.push(line) }
    const log = await RedisStreamLog.open({ ...place.options(), log: lines, offlineTimeoutMs: 50_000 })
    try {
      const goOn = await place.end()
      await until('the end', () => warnings.some((line) => line.includes('millrace-control')))
      const calls = Promise.all([
        log.join({ stream: STREAM, group: 'group', consumer: 'consumer' }),
        log.register(STREAM),
        log.registered(),
        log.operations.actions.actions(STREAM),
        log.operations.schedule.list(STREAM),
      ])
      await goOn()
      const [consumer] = await calls
      expect(await consumer.heartbeat()).toEqual([])
      await consumer.leave()
    } finally {
      await log.close()
    }
  })
})
