import { fill } from '../consume/stream.ts'
import type { Contender, Servers } from '../contender.ts'
import type { Row } from '../entries.ts'
import type { Order } from '../payload.ts'
import { rawClient, type RawClient } from '../raw.ts'
import { outgoing, type Target } from './target.ts'

type Reply = [stream: string, rows: Row[]][] | null

/** The same work by hand: reads through a group, writes, acknowledges. No retry, no dead letters, no check of who owns what. */
export async function raw(target: Target, { redis }: Servers): Promise<Contender> {
  const client = await rawClient(redis)
  return {
    async prepare({ name, count }) {
      await fill(client, name, count)
      await client.xGroupCreate(name, 'bench', '0')
    },
    async run(round) {
      const { name } = round
      for (;;) {
        const rows = await read(client, name)
        if (rows.length === 0) return
        const batch = rows.map(([id, fields]) => outgoing(name, id, JSON.parse(fields[3]!) as Order))
        await target.write(round, batch)
        await client.sendCommand(['XACK', name, 'bench', ...rows.map(([id]) => id)])
      }
    },
    async finish(round) {
      const held = await target.take(round)
      if (held !== round.count) throw new Error(`the raw loop wrote ${held} of ${round.count} events`)
    },
  }
}

async function read(client: RawClient, stream: string): Promise<Row[]> {
  const command = ['XREADGROUP', 'GROUP', 'bench', 'me', 'COUNT', '500', 'STREAMS', stream, '>']
  const reply = await client.sendCommand<Reply>(command)
  return reply?.[0]?.[1] ?? []
}
