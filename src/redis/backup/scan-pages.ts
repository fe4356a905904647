import type { PatientConnection } from '../connections/patient.ts'
import { replyCode } from '../errors.ts'

const PAGE = '200'

/** The names and values of a hash, or the members and scores of a sorted set, in pages; none of a key of another type. */
export async function* scanPages(
  connection: PatientConnection,
  command: 'HSCAN' | 'ZSCAN',
  key: string,
): AsyncGenerator<Buffer[]> {
  let cursor = '0'
  do {
    const args = [command, key, cursor, 'COUNT', PAGE]
    const [next, page] = await connection
      .insist(key, () => connection.send<[Buffer, Buffer[]]>(args, undefined, 'bytes'))
      .catch(noneOfAnotherType)
    cursor = next.toString()
    if (page.length > 0) yield page
  } while (cursor !== '0')
}

function noneOfAnotherType(error: unknown): [Buffer, Buffer[]] {
  if (replyCode(error) === 'WRONGTYPE') return [Buffer.from('0'), []]
  throw error
}
