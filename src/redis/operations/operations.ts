import type { Operations } from '../../core/operations.ts'
import { RedisActionRecords } from './action-record.ts'
import type { Connection } from '../connection.ts'
import { RedisDeadLetters } from '../dead-letters/dead-letters.ts'
import { RedisGroupControl } from './group-control.ts'
import { RedisGroupResets } from './group-reset.ts'
import { RedisHolds } from '../retention/holds.ts'
import { RedisGroupStats } from './lag.ts'
import { RedisReplays } from '../replay/replay.ts'
import { RedisRetention } from '../retention/retention.ts'
import { RedisSchedule, type RedisScheduleOptions } from '../schedule/schedule.ts'

/**
 * All operations, on a connection that nobody blocks.
 *
 * @param openWatch opens a connection that is blocked, for whoever waits for what is scheduled
 */
export const redisOperations = (
  connection: Connection,
  openWatch: () => Promise<Connection>,
  options: RedisScheduleOptions,
): Operations => ({
  deadLetters: new RedisDeadLetters(connection),
  replays: new RedisReplays(connection),
  control: new RedisGroupControl(connection),
  resets: new RedisGroupResets(connection),
  stats: new RedisGroupStats(connection),
  retention: new RedisRetention(connection),
  holds: new RedisHolds(connection),
  schedule: new RedisSchedule(connection, openWatch, options),
  actions: new RedisActionRecords(connection),
})
