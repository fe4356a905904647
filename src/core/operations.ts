import type { ActionRecords } from './action-record.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Explain } from './explain.ts'
import type { GroupControl } from './group-control.ts'
import type { GroupLifecycle } from './group-lifecycle.ts'
import type { GroupMembers } from './group-members.ts'
import type { GroupResets } from './group-reset.ts'
import type { Holds } from './holds.ts'
import type { JobStore } from './job-store.ts'
import type { GroupStats } from './lag.ts'
import type { Replays } from './replay.ts'
import type { Retention } from './retention.ts'
import type { DueEntries, ScheduledEvents, TickMemory } from './schedule.ts'
import type { StreamCatalogue } from './stream-catalogue.ts'
import type { StreamEntries } from './stream-entries.ts'
import type { StreamInfos } from './stream-info.ts'

/** What can be done with streams and groups beside publishing and consuming, for programs and for whoever is on call. */
export interface Operations {
  readonly deadLetters: DeadLetters
  readonly replays: Replays
  /** Pauses and resumes groups. */
  readonly control: GroupControl
  /** Makes and ends groups. */
  readonly lifecycle: GroupLifecycle
  /** Who reads for groups, and what they hold. */
  readonly members: GroupMembers
  /** Sets where groups read on. */
  readonly resets: GroupResets
  readonly stats: GroupStats
  readonly streams: StreamInfos
  /** What lies in streams, in either direction. */
  readonly entries: StreamEntries
  /** Finds streams. */
  readonly catalogue: StreamCatalogue
  /** Says why groups are stuck. */
  readonly explain: Explain
  readonly retention: Retention
  readonly holds: Holds
  readonly schedule: ScheduledEvents & DueEntries & TickMemory
  /** What was done by hand. */
  readonly actions: ActionRecords
  /** Keeps the long work of operators; who wants it done asks `Jobs`. */
  readonly jobStore: JobStore
}
