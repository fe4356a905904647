import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../core/errors.ts'
import type { Explain, ExplainOptions, GroupExplanation } from '../../core/explain.ts'
import { checkName } from '../../core/names.ts'
import { requireCounts } from '../../core/require-counts.ts'
import type { StreamCatalogue } from '../../core/stream-catalogue.ts'
import type { Connection } from '../connection.ts'
import { mapInSteps } from '../operations/in-steps.ts'
import { isOutOfReach } from '../operations/out-of-reach.ts'
import { diagnose, isLate, isServed, rankOf } from './diagnose.ts'
import type { GroupEvidence, Trend } from './evidence.ts'
import { Gatherer } from './gather.ts'
import type { StreamStand } from './stand.ts'

const DEFAULTS = { sampleMs: 500, minIdleMs: 60_000 }

/**
 * Explains groups on Redis. It looks at each stream once, at each group once, and once more at those that are behind.
 *
 * @example
 * for (const { group, verdict, commands } of await explain.explain({ stream: 'user:events' }))
 *   console.log(group, verdict, commands)
 */
export class RedisExplain implements Explain {
  readonly #gatherer: Gatherer
  readonly #catalogue: Pick<StreamCatalogue, 'names'>

  constructor(connection: Connection, catalogue: Pick<StreamCatalogue, 'names'>) {
    this.#gatherer = new Gatherer(connection)
    this.#catalogue = catalogue
  }

  async explain(options: ExplainOptions = {}): Promise<GroupExplanation[]> {
    const { sampleMs, minIdleMs } = checkOptions(options)
    const { signal, group } = options
    const stands = await this.#stands(options)
    const groups = stands.flatMap((stand) => [...stand.groups.values()].map((one) => ({ stand, one })))
    const chosen = groups.filter(({ one }) => group === undefined || one.group === group)
    const looked = await mapInSteps(
      chosen,
      ({ stand, one }) => this.#gatherer.evidence(stand, one, minIdleMs),
      signal,
    )
    const evidence = looked.filter((one) => one !== undefined)
    if (group !== undefined && evidence.length === 0) throw unknownGroup(options.stream!, group)
    const watched = await this.#watch(
      evidence,
      new Map(stands.map((one) => [one.stream, one])),
      sampleMs,
      signal,
    )
    return watched.map(diagnose).sort((a, b) => rankOf(a) - rankOf(b))
  }

  async #stands({ stream, signal }: ExplainOptions): Promise<StreamStand[]> {
    if (stream !== undefined) {
      const stand = await this.#gatherer.stand(stream)
      if (!stand) throw unknownStream(stream)
      return [stand]
    }
    const names = await this.#catalogue.names(signal ? { signal } : {})
    const stands = await mapInSteps(names, (name) => this.#standWithinReach(name), signal)
    return stands.filter((one) => one !== undefined)
  }

  /** Undefined also where the user has no right to that stream: whoever asks for all means those that there are for it. */
  async #standWithinReach(stream: string): Promise<StreamStand | undefined> {
    try {
      return await this.#gatherer.stand(stream)
    } catch (error) {
      if (isOutOfReach(error)) return undefined
      throw error
    }
  }

  /** Those that are late and have somebody to read are looked at once more, to tell which way they go. */
  async #watch(
    evidence: readonly GroupEvidence[],
    before: ReadonlyMap<string, StreamStand>,
    sampleMs: number,
    signal: AbortSignal | undefined,
  ): Promise<GroupEvidence[]> {
    const isWatched = (one: GroupEvidence) => isLate(one) && isServed(one) && one.behind !== 'unknown'
    const streams = [...new Set(evidence.filter(isWatched).map(({ stream }) => stream))]
    if (streams.length === 0) return [...evidence]
    await sleep(sampleMs, undefined, signal ? { signal } : {})
    const stands = await mapInSteps(streams, (stream) => this.#gatherer.stand(stream), signal)
    const after = new Map(stands.flatMap((stand) => (stand ? [[stand.stream, stand] as const] : [])))
    return mapInSteps(
      evidence,
      async (one) => {
        const [earlier, later] = [before.get(one.stream), after.get(one.stream)]
        return isWatched(one) && earlier && later ? this.#again(one, earlier, later) : one
      },
      signal,
    )
  }

  /** What has read all by now is late no more. */
  async #again(one: GroupEvidence, earlier: StreamStand, later: StreamStand): Promise<GroupEvidence> {
    const group = later.groups.get(one.group)
    const behind = group && (await this.#gatherer.behind(one.stream, group))
    if (typeof behind !== 'number' || typeof one.behind !== 'number') return one
    const added = Math.max(0, (later.added ?? later.length) - (earlier.added ?? earlier.length))
    const trend: Trend = {
      sampleMs: Math.max(1, later.now - earlier.now),
      before: one.behind,
      after: behind,
      added,
      delivered: Math.max(0, added + one.behind - behind),
    }
    return { ...one, behind, trend }
  }
}

function checkOptions({ stream, group, ...options }: ExplainOptions): typeof DEFAULTS {
  const { sampleMs = DEFAULTS.sampleMs, minIdleMs = DEFAULTS.minIdleMs } = options
  if (stream !== undefined) checkName('stream name', stream)
  if (group !== undefined) checkName('group name', group)
  if (group !== undefined && stream === undefined)
    throw new MillraceError('CONFIGURATION_INVALID', 'a group is one of a stream: name that as well')
  requireCounts('groups can not be explained like this', { sampleMs, minIdleMs }, ['sampleMs', 'minIdleMs'])
  return { sampleMs, minIdleMs }
}

const unknownStream = (stream: string): MillraceError =>
  new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"`)

const unknownGroup = (stream: string, group: string): MillraceError =>
  new MillraceError('UNKNOWN_GROUP', `the stream "${stream}" has no group "${group}"`)
