import { rawClient } from '../raw.ts'
import type { OpenEnds } from './end.ts'

/*
 * The shortest that works: two blocked readers, and nothing that survives anything. No time-outs, no takeover, no types,
 * no bound on either stream.
 */

type Rows = [stream: string, rows: [id: string, fields: string[]][]][] | null

const open: OpenEnds = async (url, stream) => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => rawClient(url)))
  const [asking, reading, taking, answering] = clients as [(typeof clients)[0], ...typeof clients]
  const replies = `${stream}:replies`
  const waiting = new Map<string, (text: string) => void>()
  await asking.xGroupCreate(stream, 'g', '0', { MKSTREAM: true })
  const closing = new AbortController()
  let last = 0

  const answer = async () => {
    while (!closing.signal.aborted) {
      const read = ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '500', 'BLOCK', '1000', 'STREAMS', stream, '>']
      for (const [, rows] of (await taking!.sendCommand<Rows>(read)) ?? [])
        for (const [id, [, requestId, , data]] of rows) {
          const { text } = JSON.parse(data!) as { text: string }
          const json = JSON.stringify({ text })
          void answering!.sendCommand(['XADD', replies, '*', 'requestId', requestId!, 'data', json])
          void answering!.sendCommand(['XACK', stream, 'g', id])
        }
    }
  }
  const take = async () => {
    let after = '0'
    while (!closing.signal.aborted) {
      const read = ['XREAD', 'COUNT', '500', 'BLOCK', '1000', 'STREAMS', replies, after]
      for (const [, rows] of (await reading!.sendCommand<Rows>(read)) ?? [])
        for (const [id, [, requestId, , data]] of rows) {
          after = id
          waiting.get(requestId!)?.((JSON.parse(data!) as { text: string }).text)
          waiting.delete(requestId!)
        }
    }
  }
  const loops = [answer(), take()]
  return {
    request: (text) =>
      new Promise((resolve) => {
        const requestId = String(++last)
        waiting.set(requestId, resolve)
        const fields = ['requestId', requestId, 'data', JSON.stringify({ text })]
        void asking.sendCommand(['XADD', stream, '*', ...fields])
      }),
    async close() {
      closing.abort()
      await Promise.all(loops)
      for (const client of clients) client.destroy()
    },
  }
}

export default open
