import { setTimeout as sleep } from 'node:timers/promises'
import { rawClient } from '../raw.ts'
import type { OpenEnds } from './end.ts'

/** As simple demos do: both ends look every so often. */
const POLL_MS = 100

type Rows = [id: string, fields: string[]][]

const open: OpenEnds = async (url, stream) => {
  const client = await rawClient(url)
  const replies = `${stream}:replies`
  const waiting = new Map<string, (text: string) => void>()
  const closing = new AbortController()
  let last = 0

  const poll = async (name: string, take: (requestId: string, data: string) => void) => {
    let after = '0'
    while (!closing.signal.aborted) {
      for (const [id, [, requestId, , data]] of await client.sendCommand<Rows>([
        'XRANGE',
        name,
        `(${after}`,
        '+',
      ])) {
        after = id
        take(requestId!, data!)
      }
      await sleep(POLL_MS)
    }
  }
  const add = (name: string, requestId: string, data: string) =>
    void client.sendCommand(['XADD', name, '*', 'requestId', requestId, 'data', data])
  const loops = [
    poll(stream, (requestId, data) => add(replies, requestId, data)),
    poll(replies, (requestId, data) => {
      waiting.get(requestId)?.((JSON.parse(data) as { text: string }).text)
      waiting.delete(requestId)
    }),
  ]
  return {
    request: (text) =>
      new Promise((resolve) => {
        const requestId = String(++last)
        waiting.set(requestId, resolve)
        add(stream, requestId, JSON.stringify({ text }))
      }),
    async close() {
      closing.abort()
      await Promise.all(loops)
      client.destroy()
    },
  }
}

export default open
