import { anywhere } from '../backup/backup-place.ts'
import { RedisStreamLog, type RedisLogOptions } from '../redis/redis-log.ts'
import { BackupWorks } from './backup-works.ts'
import { Bus } from './bus.ts'
import type { PublisherOptions } from './publisher.ts'

/**
 * Connects to Redis, once; after that the connections mend themselves.
 *
 * @example
 * const bus = await connect({ url: 'redis://localhost:6379' })
 *
 * @throws MillraceError `REDIS_UNAVAILABLE`, or `REDIS_UNSUITABLE` for a server that is too old or evicts streams
 */
export async function connect(options: RedisLogOptions & PublisherOptions): Promise<Bus> {
  const log = await RedisStreamLog.open(options)
  const backups = new BackupWorks(log, anywhere())
  return new Bus(log, {
    ...options,
    operations: log.operations,
    rpc: log.rpc,
    works: () => backups.works,
    closeLog: async () => {
      await backups.close()
      await log.close()
    },
  })
}
