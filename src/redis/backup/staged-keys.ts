import { deadLetterKey } from '../keys.ts'
import { editsKey } from '../dead-letters/dead-letter-keys.ts'
import { actionsKey } from '../operations/action-record.ts'
import { holdsKey } from '../retention/holds.ts'
import { expiredGroupsKey, retentionKey } from '../retention/retention.ts'
import { scheduleKeys } from '../schedule/schedule-keys.ts'
import { slotPrefix } from '../slots.ts'

/**
 * Where a stream is built that is being restored, until it appears: a hash that says how far it is, and behind its name the
 * keys as they will be called.
 */
export const stagedKey = (stream: string, run: string, suffix?: string): string =>
  `${slotPrefix(stream)}restore:${encodeURIComponent(run)}${suffix === undefined ? '' : `:${suffix || 'stream'}`}`

export const finalKey = (stream: string, suffix: string): string =>
  suffix === '' ? stream : slotPrefix(stream) + suffix

/** Who of a group was Millrace's is written down beside its state. */
export const withHeartbeats = (suffixes: readonly string[]): string[] =>
  suffixes.flatMap((suffix) =>
    /(?:^|:)group:[^:]*$/.test(suffix) ? [suffix, `${suffix}:heartbeats`] : [suffix],
  )

/** The keys of and beside a stream which must not be there, since they would be taken for those of the one restored. */
export function keysInTheWay(stream: string, suffixes: readonly string[]): string[] {
  const { due, entries } = scheduleKeys(stream)
  const beside = [editsKey(stream), deadLetterKey(stream), actionsKey(stream), due, entries]
  const retention = [holdsKey(stream), retentionKey(stream), expiredGroupsKey(stream)]
  const own = withHeartbeats(suffixes).map((suffix) => finalKey(stream, suffix))
  const ofGroups = own
    .filter((key) => /:group:[^:]*$/.test(key))
    .flatMap((state) => [`${state}:retry`, `${state}:inlet`])
  return [...new Set([stream, ...own, ...beside, ...retention, ...ofGroups])]
}
