import type { Connection } from '../../src/redis/connection.ts'

/** All that a Redis holds, by key: to see that nothing was changed. What expires by itself is left out. */
export async function wholeRedis(admin: Connection): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  let cursor = '0'
  do {
    const [next, keys] = await admin.send<[string, string[]]>(['SCAN', cursor, 'COUNT', '1000'])
    for (const key of keys) {
      if ((await admin.send<number>(['PTTL', key])) > 0) continue
      found[key] = String(await admin.send(['DUMP', key]))
    }
    cursor = next
  } while (cursor !== '0')
  return found
}
