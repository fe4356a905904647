import type { ActionRecords } from './action-record.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { GroupControl } from './group-control.ts'
import type { GroupResets } from './group-reset.ts'
import type { Holds } from './holds.ts'
import type { GroupStats } from './lag.ts'
import type { Replays } from './replay.ts'
import type { Retention } from './retention.ts'
import type { DueEntries, ScheduledEvents, TickMemory } from './schedule.ts'
import type { StreamInfos } from './stream-info.ts'

/** What can be done with streams and groups beside publishing and consuming, for programs and for whoever is on call. */
export interface Operations {
  readonly deadLetters: DeadLetters
  readonly replays: Replays
  /** Pauses and resumes groups. */
  readonly control: GroupControl
  /** Sets where groups read on. */
  readonly resets: GroupResets
  readonly stats: GroupStats
  readonly streams: StreamInfos
  readonly retention: Retention
  readonly holds: Holds
  readonly schedule: ScheduledEvents & DueEntries & TickMemory
  /** What was done by hand. */
  readonly actions: ActionRecords
}
