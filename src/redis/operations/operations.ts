import type { Operations } from '../../core/operations.ts'
import { RedisActionRecords } from './action-record.ts'
import { RedisStreamCatalogue } from './catalogue.ts'
import type { Connection } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { RedisExplain } from '../explain/explain.ts'
import { RedisDeadLetters } from '../dead-letters/dead-letters.ts'
import { RedisStreamEntries } from './entries.ts'
import { RedisGroupControl } from './group-control.ts'
import { RedisGroupLifecycle } from './group-lifecycle.ts'
import { RedisGroupMembers } from '../members/members.ts'
import { RedisGroupResets } from './group-reset.ts'
import { RedisHolds } from '../retention/holds.ts'
import { RedisJobStore } from '../jobs/job-store.ts'
import { RedisGroupStats } from './lag.ts'
import { RedisReplays } from '../replay/replay.ts'
import { RedisRetention } from '../retention/retention.ts'
import { RedisSchedule, type RedisScheduleOptions } from '../schedule/schedule.ts'
import { RedisStreamInfos } from './stream-info.ts'

/**
 * All operations, on a connection that nobody blocks.
 *
 * @param openWatch opens a connection that is blocked, for whoever waits for what is scheduled
 */
export const redisOperations = (
  connection: Connection,
  openWatch: () => Promise<Connection>,
  options: RedisScheduleOptions,
): Operations => {
  const calls = new PatientConnection(connection, options.offlineTimeoutMs)
  const catalogue = new RedisStreamCatalogue(calls)
  return {
    deadLetters: new RedisDeadLetters(calls),
    replays: new RedisReplays(calls),
    control: new RedisGroupControl(calls),
    lifecycle: new RedisGroupLifecycle(calls),
    members: new RedisGroupMembers(calls),
    resets: new RedisGroupResets(calls),
    stats: new RedisGroupStats(calls),
    streams: new RedisStreamInfos(calls),
    entries: new RedisStreamEntries(calls),
    catalogue,
    explain: new RedisExplain(calls, catalogue),
    retention: new RedisRetention(calls),
    holds: new RedisHolds(calls),
    schedule: new RedisSchedule(connection, openWatch, options),
    actions: new RedisActionRecords(calls),
    jobStore: new RedisJobStore(connection, options),
  }
}
