import type { BackupPlace } from '../backup/backup-place.ts'
import { backupWork } from '../backup/backup-work.ts'
import { restoreWork } from '../backup/restore-work.ts'
import type { JobWork } from '../core/jobs.ts'
import { RedisBackupSource } from '../redis/backup/backup-source.ts'
import { RedisRestoreTarget } from '../redis/backup/restore-target.ts'
import type { Connection } from '../redis/connection.ts'
import type { RedisStreamLog } from '../redis/redis-log.ts'

/** The jobs that back up and restore. What is so large has a connection of its own, so that it holds up nothing small. */
export class BackupWorks {
  readonly #log: Pick<RedisStreamLog, 'connection'>
  readonly #place: BackupPlace
  #connection: Connection | undefined

  constructor(log: Pick<RedisStreamLog, 'connection'>, place: BackupPlace) {
    this.#log = log
    this.#place = place
  }

  /** Connects when it is first asked for. */
  get works(): JobWork[] {
    this.#connection ??= this.#log.connection('backup')
    const [source, target] = [
      new RedisBackupSource(this.#connection),
      new RedisRestoreTarget(this.#connection),
    ]
    return [backupWork(source, this.#place), restoreWork(target, this.#place)]
  }

  async close(): Promise<void> {
    await this.#connection?.close()
  }
}
