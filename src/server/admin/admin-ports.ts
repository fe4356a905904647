import type { Operator } from '../../core/action-record.ts'
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

  pipelines: PipelineControl

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

/** The pipelines of this instance. `UNKNOWN_PIPELINE` for a name that none of them has. */
export interface PipelineControl {
  list(): PipelineView[]
  get(name: string): PipelineView
  /** On all instances, and after a restart too. Answers whether it was not paused before. */
  pause(name: string, operator: Operator): Promise<boolean>
  /** Answers whether it was paused before. */
  resume(name: string, operator: Operator): Promise<boolean>
  /** Here alone. */
  restart(name: string, operator: Operator): Promise<PipelineView>
}

/** A pipeline as it stands. Times in ISO 8601 in UTC; counts since the start of this instance. */
export interface PipelineView {
  readonly name: string
  readonly kind: 'sink' | 'source'
  readonly state: string
  /** By an operator; the state tells of a sink that is away in front of that. */
  readonly paused: boolean
  /** Those it reads; of a source, the one it publishes to. */
  readonly streams: readonly string[]
  /** Absent for a source. */
  readonly group?: string
  readonly written: number
  readonly refused: number
  readonly held: number
  readonly lastWriteAt?: string
  /** The last failure, which may be over by now. */
  readonly lastError?: { readonly error: string; readonly message: string; readonly time: string }
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
