import { describe, expect, test } from 'vitest'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import { findTestValkey } from '../../engines/test-servers.ts'
import type { NewEntry } from '../../core/stream-log.ts'

const { software, reason } = await findTestValkey()
const onDisk = (number: number): NewEntry => ({
  fields: ['type', 'number', 'data', String(number)],
  durability: { replicas: 0, fsync: true, timeoutMs: 5_000 },
})

describe.skipIf(!software)(`durability with fsync, on ${software ?? `Valkey: ${reason}`}`, () => {
  // A file that is written to the disk once a second: until then a killed server forgets.
  const { server, admin } = useRedis({
    software: 'valkey',
    args: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
  })
  const log = useLog(server)

  test('is confirmed by the disk', async () => {
    const [position] = await log.append('orders', [onDisk(1)])
    expect(await admin.send(['XRANGE', 'orders', '-', '+'])).toMatchObject([[position, expect.anything()]])
  })

  test('is not, where the disk is behind', async () => {
    await admin.send(['CONFIG', 'SET', 'appendfsync', 'no'])
    try {
      const late = { ...onDisk(2), durability: { replicas: 0, fsync: true, timeoutMs: 100 } }
      const [result] = await log.append('orders', [late])
      expect(result).toMatchObject({
        code: 'PUBLISH_NOT_REPLICATED',
        message: expect.stringContaining('the disk of the master did not have it'),
      })
    } finally {
      await admin.send(['CONFIG', 'SET', 'appendfsync', 'everysec'])
    }
  })

  test('asks for replicas as well', async () => {
    const wanted = { ...onDisk(3), durability: { replicas: 1, fsync: true, timeoutMs: 2_000 } }
    const [result] = await log.append('orders', [wanted])
    expect(result).toMatchObject({ message: expect.stringContaining('0 of 1 replicas') })
    expect(result).not.toMatchObject({ message: expect.stringContaining('disk') })
  })
})

describe('durability with fsync, where the server', () => {
  const { server, admin } = useRedis()
  const log = useLog(server)

  test('can not tell what is on its disk: it is refused with nothing written, and all else goes on', async () => {
    const [refused, written] = await log.append('orders', [onDisk(1), { fields: ['type', 'x', 'data', '2'] }])
    expect(refused).toMatchObject({ code: 'REDIS_UNSUITABLE' })
    expect(await admin.send(['XRANGE', 'orders', '-', '+'])).toMatchObject([[written, expect.anything()]])
  })
})
