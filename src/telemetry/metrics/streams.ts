import type { GroupLag } from '../../core/lag.ts'
import type { Metric, Sample } from '../../core/metric.ts'
import { positionTime } from '../../core/position.ts'
import type { GroupInfo, StreamInfo } from '../../core/stream-info.ts'
import { derived } from './derived.ts'
import type { ServerMemory, StreamScrape, StreamSight } from './stream-scrape.ts'

const STREAM = ['stream']
const GROUP = ['stream', 'group']
const CONSUMER = ['stream', 'group', 'consumer']

/** Absent is not 0: what is not known has no sample. */
type Known = number | undefined

/**
 * What Redis tells of streams and groups. Every instance of a service tells the same, so a query takes the maximum by
 * `stream` and `group`, never the sum.
 */
export function streamMetrics(scrape: StreamScrape): Metric[] {
  return [
    ...ofServers(scrape),
    ...ofStreams(scrape),
    ...ofGroups(scrape),
    ...ofConsumers(scrape),
    ...ours(scrape),
  ]
}

/** The names and meanings of redis_exporter, but for the label: of a cluster there are several. */
function ofServers(scrape: StreamScrape): Metric[] {
  const gauge = (name: string, help: string, read: (memory: ServerMemory) => number) =>
    derived('gauge', name, ['server'], help, () =>
      scrape.memory.map((one) => ({ labels: { server: one.server }, value: read(one) })),
    )
  return [
    gauge('redis_memory_used_bytes', 'Memory that the server uses.', (one) => one.usedBytes),
    gauge(
      'redis_memory_max_bytes',
      'Memory that the server may use (maxmemory), 0 where it sets itself no limit.',
      (one) => one.maxBytes,
    ),
  ]
}

/** The names and meanings of redis_exporter. */
function ofStreams(scrape: StreamScrape): Metric[] {
  const gauge = (name: string, help: string, read: (info: StreamInfo) => Known) =>
    perStream(scrape, 'gauge', name, help, read)
  return [
    gauge('redis_stream_length', 'Entries in the stream.', (info) => info.length),
    gauge(
      'redis_stream_radix_tree_keys',
      'Keys of the tree in which the server keeps it.',
      (info) => info.radixTreeKeys,
    ),
    gauge('redis_stream_radix_tree_nodes', 'Nodes of that tree.', (info) => info.radixTreeNodes),
    gauge('redis_stream_groups', 'Groups of the stream.', (info) => info.groupCount),
    gauge('redis_stream_last_generated_id', 'Milliseconds of the last id that the stream gave out.', (info) =>
      positionTime(info.lastGenerated),
    ),
    gauge(
      'redis_stream_max_deleted_entry_id',
      'Milliseconds of the highest id that was deleted by XDEL, 0 for none.',
      (info) => positionTime(info.maxDeleted),
    ),
    gauge(
      'redis_stream_first_entry_id',
      'Milliseconds of the id of the oldest entry; absent when there is none.',
      (info) => timeOf(info.first),
    ),
    gauge(
      'redis_stream_last_entry_id',
      'Milliseconds of the id of the newest entry; absent when there is none.',
      (info) => timeOf(info.last),
    ),
  ]
}

/** The names and meanings of redis_exporter, but for what the server does not know: that is absent, and not 0. */
function ofGroups(scrape: StreamScrape): Metric[] {
  const gauge = (name: string, help: string, read: (group: GroupInfo) => Known) =>
    derived('gauge', name, GROUP, help, () =>
      samples(scrape, ({ stream, info }) =>
        info.groups.map((group) => ({ labels: { stream, group: group.group }, value: read(group) })),
      ),
    )
  return [
    gauge('redis_stream_group_consumers', 'Consumers of the group.', (group) => group.consumerCount),
    gauge(
      'redis_stream_group_messages_pending',
      'Entries that were delivered and not acknowledged, those that wait for a retry included.',
      (group) => group.pending,
    ),
    gauge(
      'redis_stream_group_last_delivered_id',
      'Milliseconds of the id that was delivered last.',
      (group) => positionTime(group.lastDelivered),
    ),
    gauge(
      'redis_stream_group_entries_read',
      'Entries delivered, as the server counts them.',
      (group) => group.entriesRead,
    ),
    gauge(
      'redis_stream_group_lag',
      'The lag as the server counts it, which can be wrong after entries were deleted or trimmed; see millrace_group_lag.',
      (group) => group.lag,
    ),
  ]
}

/** The names and meanings of redis_exporter. */
function ofConsumers(scrape: StreamScrape): Metric[] {
  const gauge = (name: string, help: string, read: (consumer: GroupInfo['consumers'][number]) => number) =>
    derived('gauge', name, CONSUMER, help, () =>
      samples(scrape, ({ stream, info }) =>
        info.groups.flatMap(({ group, consumers }) =>
          consumers.map((one) => ({ labels: { stream, group, consumer: one.name }, value: read(one) })),
        ),
      ),
    )
  return [
    gauge(
      'redis_stream_group_consumer_messages_pending',
      'Entries that the consumer holds.',
      (one) => one.pending,
    ),
    gauge(
      'redis_stream_group_consumer_idle_seconds',
      'Since the consumer last asked for something.',
      (one) => one.idleMs / 1_000,
    ),
  ]
}

function ours(scrape: StreamScrape): Metric[] {
  const gauge = (name: string, help: string, read: (lag: GroupLag) => Known) =>
    derived('gauge', name, GROUP, help, () =>
      samples(scrape, ({ stream, lags }) =>
        lags.map((lag) => ({ labels: { stream, group: lag.group }, value: read(lag) })),
      ),
    )
  return [
    gauge(
      'millrace_group_lag',
      'Entries that are there and were not delivered to the group yet: exact, and absent where that is not known.',
      ({ behind }) => (behind === 'unknown' ? undefined : behind),
    ),
    gauge('millrace_group_lag_known', '1 where millrace_group_lag is known, else 0.', ({ behind }) =>
      Number(behind !== 'unknown'),
    ),
    gauge(
      'millrace_group_oldest_pending_age_seconds',
      'Age of the oldest entry that was delivered and not acknowledged, what waits for its retry aside; absent without one.',
      ({ oldestPendingAgeMs: age }) => (age === undefined ? undefined : age / 1_000),
    ),
    gauge(
      'millrace_retry_waiting',
      'Entries of the group that wait for their retry.',
      ({ waiting }) => waiting,
    ),
    gauge(
      'redis_stream_queue_depth',
      'Entries that the group has not finished: its lag and what is pending; absent where the lag is not known.',
      ({ behind, pending }) => (behind === 'unknown' ? undefined : behind + pending),
    ),
    perStream(
      scrape,
      'gauge',
      'millrace_dead_letter_entries',
      'Dead letters of the stream, of all its groups.',
      (info) => info.deadLetters,
    ),
    derived(
      'counter',
      'millrace_trimmed_unread_total',
      GROUP,
      'Entries that a hard limit of retention dropped before they were delivered to the group: they are lost to it.',
      () =>
        samples(scrape, ({ stream, info }) => {
          // From 0 on: what begins at its first loss never seems to have grown.
          const none = info.groups.map(({ group }) => [group, 0] as const)
          return [...new Map([...none, ...info.trimmedUnread])].map(([group, value]) => ({
            labels: { stream, group },
            value,
          }))
        }),
    ),
  ]
}

const perStream = (
  scrape: StreamScrape,
  kind: 'gauge' | 'counter',
  name: string,
  help: string,
  read: (info: StreamInfo) => Known,
): Metric =>
  derived(kind, name, STREAM, help, () =>
    samples(scrape, ({ stream, info }) => [{ labels: { stream }, value: read(info) }]),
  )

interface MaybeSample {
  labels: Record<string, string>
  value: Known
}

function samples(scrape: StreamScrape, read: (sight: StreamSight) => readonly MaybeSample[]): Sample[] {
  return scrape
    .sights()
    .flatMap(read)
    .filter((one): one is MaybeSample & Sample => one.value !== undefined)
}

const timeOf = (position: string | undefined): Known =>
  position === undefined ? undefined : positionTime(position)
