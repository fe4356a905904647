import type { App } from '../../app/app.ts'
import { groupKey } from '../../core/names.ts'
import type { SettingValues, StreamState } from '../../core/settings.ts'
import { jobGroup } from '../../schedule/job-group.ts'

/** What operators and the configuration say about streams and groups. Answers change while the service runs. */
export class StreamPolicy {
  readonly #values: () => SettingValues
  /** Groups that follow the general settings where nobody set theirs; the audit trail has its own. */
  readonly #ordinary: ReadonlySet<string>
  readonly #batchSizes: ReadonlyMap<string, number>

  /**
   * @param declared the app as it was written: what it says of a group counts for more than a general setting
   * @param complete all that runs
   */
  constructor(values: () => SettingValues, declared: App, complete: App) {
    this.#values = values
    const jobs = jobGroup(complete.jobs)
    this.#ordinary = new Set([
      ...complete.handlers.map(({ stream, options }) => groupKey(stream, options.group)),
      ...(jobs ? [groupKey(jobs.stream.name, jobs.group)] : []),
    ])
    this.#batchSizes = new Map(
      declared.handlers.flatMap(({ stream, options: { group, batch } }) =>
        batch ? [[groupKey(stream, group), batch.size] as const] : [],
      ),
    )
  }

  stateOf(stream: string): StreamState | undefined {
    return own(this.#values().streams, stream)
  }

  /** Streams to follow though nobody declared them. */
  get followed(): string[] {
    const streams = Object.entries(this.#values().streams)
    return streams.filter(([, state]) => state === 'followed').map(([stream]) => stream)
  }

  /** @param standard where neither a setting nor the app says anything */
  concurrencyOf(stream: string, group: string, standard: number): number {
    const { groups, concurrency } = this.#values()
    const set = own(own(groups, stream) ?? {}, group)
    return set ?? (this.#ordinary.has(groupKey(stream, group)) ? concurrency : standard)
  }

  batchSizeOf(stream: string, group: string): number {
    return this.#batchSizes.get(groupKey(stream, group)) ?? this.#values().batchSize
  }
}

/** Names may be those of what every object has. */
const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined
