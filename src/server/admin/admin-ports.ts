import type { KeyControl } from '../../core/api-keys.ts'
import type { Jobs } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import type { RetentionTarget } from '../../core/retention-policy.ts'

/** What the admin API needs: the operations themselves are elsewhere, and the same for programs and the command line. */
export interface AdminPorts {
  /** @throws MillraceError `REDIS_UNAVAILABLE` before there is a connection */
  operations(): Operations

  /** @throws as `operations` */
  jobs(): Jobs

  /** The backups that this instance can reach. */
  backups(): Promise<BackupFile[]>

  keys: KeyControl

  /** The cron jobs of the app as they stand. */
  schedules(): Promise<ScheduleState[]>

  /** What the app keeps of a stream; undefined where it says nothing. */
  retentionOf(stream: string): RetentionTarget | undefined

  /** Aborted when the service stops: what is streamed ends then. */
  stopping: AbortSignal
}

/** A file in the directory for backups. */
export interface BackupFile {
  readonly file: string
  readonly bytes: number
  /** ISO 8601 in UTC. */
  readonly modifiedAt: string
}

/** A cron job of the app. Times in ISO 8601 in UTC. */
export interface ScheduleState {
  readonly name: string
  /** A cron pattern, or a period in ms. */
  readonly schedule: string | { readonly everyMs: number }
  readonly timezone: string
  readonly enabled: boolean
  /** Whether an operator has set something other than the app declares. */
  readonly overridden: boolean
  /** Absent where it never ran. */
  readonly lastTick?: string
  /** Absent where it is off, or where there is none any more. */
  readonly nextTick?: string
}
