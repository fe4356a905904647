import { z } from 'zod'
import { connect, rpc } from '../millrace.ts'
import type { OpenEnds } from './end.ts'

const text = z.object({ text: z.string() })

const open: OpenEnds = async (url, stream, terminals) => {
  const contract = rpc('bench', { stream, request: text, reply: text })
  const bus = await connect({ url })
  await bus.reply(contract, { terminals }, (request) => request)
  return {
    request: async (text) => (await bus.request(contract, { text })).text,
    close: () => bus.close(),
  }
}

export default open
