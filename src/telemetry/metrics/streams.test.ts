import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useOnce } from '../../../test/support/use.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { deliver, fill } from '../../redis/retention/retention-lab.ts'
import { ServiceMetrics } from './service-metrics.ts'
import { StreamScrape, type StreamSources } from './stream-scrape.ts'

const { server, admin: redis } = useRedis()
// A scrape must be quick whatever the patience of calls is; what was asked in vain must not hold up the end of the test.
const log = useOnce(
  () => RedisStreamLog.open({ url: server.url, offlineTimeoutMs: 3_000 }),
  (it) => it.close(),
)

const sources = (): StreamSources => ({
  ping: () => log.ping(),
  registered: () => log.registered(),
  info: (stream) => log.operations.streams.info(stream),
  lag: (stream) => log.operations.stats.lag(stream),
  memory: () => log.memory(),
})

/** What a service would show of these streams: the values by name and labels. */
function serviceOf(...streams: string[]) {
  const metrics = new ServiceMetrics({
    version: '1.0.0',
    ready: () => true,
    streams,
    redis: sources,
    app: [],
  })
  return async () => {
    const { text } = await metrics.scrape()
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    )
  }
}

const scrapeOnce = (...streams: string[]) => serviceOf(...streams)()
const createGroup = (stream: string, start = '0') =>
  redis.send(['XGROUP', 'CREATE', stream, 'group', start, 'MKSTREAM'])

describe('the lag of a group', () => {
  it('is what is there and not delivered, whatever was deleted before and behind', async () => {
    await createGroup('deleted')
    await fill(redis, 'deleted', 100)
    await deliver(redis, 'deleted', 'group', 10)
    for (const id of ['5-0', '50-0', '51-0']) await redis.send(['XDEL', 'deleted', id])
    const shown = await scrapeOnce('deleted')
    expect(shown.get('millrace_group_lag{stream="deleted",group="group"}')).toBe(88)
    expect(shown.get('millrace_group_lag_known{stream="deleted",group="group"}')).toBe(1)
    // The server itself gives up here.
    expect(shown.has('redis_stream_group_lag{stream="deleted",group="group"}')).toBe(false)
    expect(shown.get('redis_stream_queue_depth{stream="deleted",group="group"}')).toBe(98)
  })

  it('has nothing in it that was trimmed, which the server counts for ever', async () => {
    await createGroup('trimmed')
    await fill(redis, 'trimmed', 100)
    await deliver(redis, 'trimmed', 'group', 1)
    await redis.send(['XTRIM', 'trimmed', 'MAXLEN', '20'])
    const shown = await scrapeOnce('trimmed')
    expect(shown.get('millrace_group_lag{stream="trimmed",group="group"}')).toBe(20)
  })

  it('of a group that started at a position is from there on', async () => {
    await fill(redis, 'started', 100)
    await createGroup('started', '70-0')
    const shown = await scrapeOnce('started')
    expect(shown.get('millrace_group_lag{stream="started",group="group"}')).toBe(30)
    expect(shown.has('redis_stream_group_entries_read{stream="started",group="group"}')).toBe(false)
  })

  it('has no sample where it is unknown, and says so', async () => {
    await createGroup('unknown')
    await fill(redis, 'unknown', 20_000)
    await deliver(redis, 'unknown', 'group', 5_000)
    await redis.send(['XDEL', 'unknown', '5001-0'])
    await deliver(redis, 'unknown', 'group', 5_000)
    const shown = await scrapeOnce('unknown')
    expect(shown.has('millrace_group_lag{stream="unknown",group="group"}')).toBe(false)
    expect(shown.get('millrace_group_lag_known{stream="unknown",group="group"}')).toBe(0)
    expect(shown.has('redis_stream_queue_depth{stream="unknown",group="group"}')).toBe(false)
    expect(shown.get('redis_stream_group_messages_pending{stream="unknown",group="group"}')).toBe(10_000)
  })
})

describe('the streams that are shown', () => {
  beforeEach(() => redis.send(['FLUSHALL']))

  it('are those of the app and those that were registered; one that is none harms no other', async () => {
    await fill(redis, 'declared', 3)
    await fill(redis, 'registered', 2)
    await redis.send(['SET', 'no stream', 'text'])
    for (const stream of ['registered', 'no stream', 'not there']) await log.register(stream)
    const shown = await scrapeOnce('declared')
    const lengths = [...shown].filter(([name]) => name.startsWith('redis_stream_length'))
    expect(lengths).toEqual([
      ['redis_stream_length{stream="declared"}', 3],
      ['redis_stream_length{stream="registered"}', 2],
    ])
    expect(shown.get('millrace_scrape_errors_total{part="redis"}')).toBe(1)
    expect(shown.get('millrace_streams_left_out')).toBe(1)
  })

  it('are as many as the limit says, those of the app first, and the others are counted', async () => {
    for (const stream of ['z', 'a', 'b', 'c']) await fill(redis, stream, 1)
    for (const stream of ['a', 'b', 'c']) await log.register(stream)
    const scrape = new StreamScrape(sources, ['z'], () => {}, { streams: 2 })
    await scrape.refresh()
    expect(scrape.sights().map(({ stream }) => stream)).toEqual(['z', 'a'])
    expect(scrape.leftOut).toBe(2)
  })

  it('are looked at in turns where the time is not enough for all', async () => {
    const names = Array.from({ length: 40 }, (_, number) => `turn:${number}`)
    const looked: string[] = []
    const slow: StreamSources = {
      ping: async () => {},
      registered: async () => [],
      lag: async () => [],
      memory: async () => [],
      async info(stream) {
        looked.push(stream)
        await new Promise((resolve) => setTimeout(resolve, 20))
        return undefined
      },
    }
    const scrape = new StreamScrape(
      () => slow,
      names,
      () => {},
      { budgetMs: 30, keepMs: 0, concurrency: 4 },
    )
    await scrape.refresh()
    await until('the rest to be counted', () => scrape.leftOut > 0)
    const first = new Set(looked)
    expect(first.size).toBeLessThan(names.length)
    await until('all to be seen', async () => {
      await scrape.refresh()
      return new Set(looked).size === names.length
    })
    // None was looked at again before all were.
    expect(looked.slice(0, names.length).toSorted()).toEqual(names.toSorted())
  })

  it('are looked at once for scrapes that follow each other', async () => {
    const scrapeAgain = serviceOf('kept')
    await fill(redis, 'kept', 1)
    expect((await scrapeAgain()).get('redis_stream_length{stream="kept"}')).toBe(1)
    await redis.send(['XADD', 'kept', '*', 'a', 'b'])
    expect((await scrapeAgain()).get('redis_stream_length{stream="kept"}')).toBe(1)
  })
})

describe('the memory of the server', () => {
  afterEach(() => redis.send(['CONFIG', 'SET', 'maxmemory', '0']))

  it('is shown as used and at most, by its address', async () => {
    await redis.send(['CONFIG', 'SET', 'maxmemory', '512mb'])
    const shown = await scrapeOnce('any')
    const address = new URL(server.url).host
    expect(shown.get(`redis_memory_max_bytes{server="${address}"}`)).toBe(512 * 1024 * 1024)
    expect(shown.get(`redis_memory_used_bytes{server="${address}"}`)).toBeGreaterThan(500_000)
  })
})

describe('what a hard limit dropped unread', () => {
  it('is 0 for a group that lost nothing, so that its first loss is seen to grow', async () => {
    await createGroup('kept-all')
    const shown = await scrapeOnce('kept-all')
    expect(shown.get('millrace_trimmed_unread_total{stream="kept-all",group="group"}')).toBe(0)
  })
})

describe('the database', () => {
  it('counts as not fetched when it refuses, and when it does not answer', async () => {
    const never = new Promise<number>(() => {})
    for (const ask of [() => never, () => Promise.reject<number>(new Error('gone'))]) {
      const metrics = new ServiceMetrics({
        version: '1',
        ready: () => false,
        streams: [],
        redis: () => undefined,
        outboxAgeMs: ask,
        app: [],
      })
      const { text } = await metrics.scrape()
      expect(text).toContain('millrace_scrape_errors_total{part="database"} 1\n')
      expect(text).toContain('millrace_ready 0\n')
    }
  })
})

describe('while Redis is away', () => {
  afterEach(() => server.kill('SIGCONT'))

  it('a scrape is answered, says so, and shows nothing old', async () => {
    await fill(redis, 'away', 1)
    const scrape = serviceOf('away')
    expect((await scrape()).get('millrace_redis_connected')).toBe(1)
    await server.kill('SIGSTOP')
    const since = performance.now()
    const shown = await scrape()
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(shown.get('millrace_redis_connected')).toBe(0)
    expect([...shown.keys()].filter((name) => name.startsWith('redis_stream'))).toEqual([])
    await server.kill('SIGCONT')
    await until(
      'Redis to be back',
      async () => (await scrape()).get('redis_stream_length{stream="away"}') === 1,
    )
  })

  it('and before it came there is a scrape as well', async () => {
    const metrics = new ServiceMetrics({
      version: '1',
      ready: () => true,
      streams: ['x'],
      redis: () => undefined,
      app: [],
    })
    expect((await metrics.scrape()).text).toContain('millrace_redis_connected 0\n')
  })
})
