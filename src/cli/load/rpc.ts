import { checkName } from '../../core/names.ts'
import type { CommandContext } from '../context.ts'
import { CommandError, EXIT } from '../exit.ts'
import { withRedis, type RedisFlags } from '../with-redis.ts'
import { runLoad, type LoadFlags } from './load.ts'
import { RpcTarget } from './rpc-target.ts'
import { jsonTemplate } from './template-text.ts'

export interface LoadRpcFlags extends LoadFlags, RedisFlags {
  data: string
  replies?: string
}

/** `millrace load rpc`: requests as they are written by hand, with their replies on a shared stream. */
export async function loadRpcCommand(
  context: CommandContext,
  stream: string,
  flags: LoadRpcFlags,
): Promise<void> {
  const { io } = context
  const replies = flags.replies ?? repliesOf(stream)
  checkName('stream name', stream)
  checkName('stream name', replies)
  const template = await jsonTemplate(io, flags.data)
  await withRedis(io, flags, async (log) => {
    const target = await RpcTarget.open(log, { stream, replies, template, timeoutMs: flags.timeout })
    await runLoad(context, target, { kind: 'rpc', stream, replies }, flags)
  })
}

function repliesOf(stream: string): string {
  if (stream.endsWith('-requests')) return stream.replace(/-requests$/, '-responses')
  throw new CommandError('say where the replies come: --replies STREAM', EXIT.usage)
}
