import type { Connection } from '../../src/redis/connection.ts'

const DIGEST = `return redis.sha1hex(redis.call('DUMP', KEYS[1]))`

/** Each key with a digest of all that it holds, to show that nothing was written. */
export async function fingerprints(connection: Connection): Promise<Map<string, string>> {
  const keys = (await connection.send<string[]>(['KEYS', '*'])).sort()
  const digests = await Promise.all(keys.map((key) => connection.send<string>(['EVAL', DIGEST, '1', key])))
  return new Map(keys.map((key, index) => [key, digests[index]!]))
}
