import type { Connection } from '../connection.ts'
import { deliver } from '../retention/retention-lab.ts'

/* What tests of members share: groups of plain commands, as other software has them. */

export const ada = { actor: 'ada@example.com', reason: 'its machine is gone' }
export const bob = { actor: 'bob', reason: 'so is the other' }

/** A stream of `count` entries, all of which a consumer of other software holds in `group`. */
export async function foreignGroup(
  admin: Connection,
  stream: string,
  count: number,
  consumer = 'theirs',
): Promise<string[]> {
  const ids: string[] = []
  for (let n = 1; n <= count; n++) ids.push(await admin.send(['XADD', stream, `${n}-1`, 'number', String(n)]))
  await admin.send(['XGROUP', 'CREATE', stream, 'group', '0'])
  await deliver(admin, stream, 'group', count, consumer)
  return ids
}

export interface PendingFact {
  id: string
  consumer: string
  deliveries: number
}

export async function pendingOf(admin: Connection, stream: string, group = 'group'): Promise<PendingFact[]> {
  const command = ['XPENDING', stream, group, '-', '+', '1000']
  const rows = await admin.send<[string, string, number, number][]>(command)
  return rows.map(([id, consumer, , deliveries]) => ({ id, consumer, deliveries }))
}
