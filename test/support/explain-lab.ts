import { randomUUID } from 'node:crypto'
import { beforeEach, expect } from 'vitest'
import { fingerprints } from './fingerprints.ts'
import { until } from './until.ts'
import type { ExplainOptions, GroupExplanation, Verdict } from '../../src/core/explain.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { RedisStreamCatalogue } from '../../src/redis/operations/catalogue.ts'
import { RedisExplain } from '../../src/redis/explain/explain.ts'

/** Short, so that a consumer of plain commands is dead soon. */
export const SOON_DEAD = { minIdleMs: 20, sampleMs: 20 }

/** Situations of one group of a stream of the test's own, and what is said of them. */
export interface ExplainLab {
  readonly stream: string
  send<T>(...args: string[]): Promise<T>
  /** Adds entries with these positions, or the next ones. */
  add(...positions: string[]): Promise<string[]>
  read(consumer: string, count: number, group?: string): Promise<void>
  /** Of the only group; nothing may be written meanwhile unless `busy`. */
  explain(options?: ExplainOptions & { busy?: boolean }): Promise<GroupExplanation>
  /** Explains until that is the verdict. */
  untilVerdict(verdict: Verdict, options?: ExplainOptions): Promise<GroupExplanation>
}

export function explainLab(admin: Connection, streamOf?: () => string): ExplainLab {
  let stream = ''
  beforeEach(() => void (stream = streamOf?.() ?? `situation:${randomUUID()}`))
  const send: ExplainLab['send'] = (...args) => admin.send(args)
  const lab: ExplainLab = {
    get stream() {
      return stream
    },
    send,
    add: (...positions) =>
      Promise.all(positions.map((position) => send<string>('XADD', stream, position, 'data', 'x'))),
    async read(consumer, count, group = 'g') {
      await send('XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), 'STREAMS', stream, '>')
    },
    async explain({ busy = false, ...options } = {}) {
      const before = await fingerprints(admin)
      const explain = new RedisExplain(admin, new RedisStreamCatalogue(admin))
      const explanations = await explain.explain({ stream, sampleMs: 20, ...options })
      if (!busy) expect(await fingerprints(admin)).toEqual(before)
      expect(explanations).toHaveLength(1)
      return explanations[0]!
    },
    untilVerdict: (verdict, options) =>
      until(`the verdict ${verdict}`, async () => {
        const explanation = await lab.explain(options)
        return explanation.verdict === verdict ? explanation : undefined
      }),
  }
  return lab
}
