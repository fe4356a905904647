import { request } from 'undici'
import type * as Sinks from '../../src/connectors/sinks/webhook.ts'
import { built } from '../built.ts'
import { Receiver } from './receiver.ts'
import type { OpenTarget } from './target.ts'

const { webhookSink } = (await import(built('connectors/sinks/webhook.js'))) as typeof Sinks
const headers = { 'content-type': 'application/cloudevents-batch+json' }

/** A server that reads batches and answers each at once. By hand, nothing is signed. */
export const webhook: OpenTarget = async () => {
  const receiver = await Receiver.start('webhook-receiver.ts')
  const url = receiver.address
  return {
    sink: () => webhookSink({ url, allowPrivate: true, secret: 'a secret of at least 24 bytes' }),
    async write(_, batch) {
      const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(batch) })
      await answer.body.dump()
      if (answer.statusCode !== 204) throw new Error(`the receiver answered ${answer.statusCode}`)
    },
    take: () => receiver.take(),
  }
}
