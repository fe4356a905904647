import { Publisher } from '../../bus/publisher.ts'
import { checkName } from '../../core/names.ts'
import type { LoadTarget } from '../../load/target.ts'
import type { Template } from '../../load/template.ts'
import { encrypt } from '../../middleware/encrypt.ts'
import type { CommandContext } from '../context.ts'
import { withRedis, type RedisFlags } from '../with-redis.ts'
import { runLoad, type LoadFlags } from './load.ts'
import { jsonTemplate } from './template-text.ts'

export interface LoadStreamFlags extends LoadFlags, RedisFlags {
  type: string
  data: string
}

/** `millrace load stream`: events, published one by one as an app does. */
export async function loadStreamCommand(
  context: CommandContext,
  stream: string,
  flags: LoadStreamFlags,
): Promise<void> {
  const { io } = context
  checkName('stream name', stream)
  checkName('event type', flags.type)
  const template = await jsonTemplate(io, flags.data)
  await withRedis(
    io,
    flags,
    async (log, ring) => {
      const publisher = new Publisher(log, { middleware: ring ? [encrypt(ring)] : [] })
      await log.register(stream)
      const target = new StreamTarget(publisher, stream, flags.type, template)
      await runLoad(context, target, { kind: 'stream', stream, type: flags.type }, flags)
    },
    { commandTimeoutMs: flags.timeout, offlineTimeoutMs: flags.timeout },
  )
}

class StreamTarget implements LoadTarget {
  readonly #publisher: Publisher
  readonly #stream: string
  readonly #type: string
  readonly #template: Template

  constructor(publisher: Publisher, stream: string, type: string, template: Template) {
    this.#publisher = publisher
    this.#stream = stream
    this.#type = type
    this.#template = template
  }

  async send(n: number): Promise<void> {
    const data: unknown = JSON.parse(this.#template.render(n))
    const [result] = await this.#publisher.publish(this.#stream, [{ type: this.#type, data }])
    if (result instanceof Error) throw result
  }

  /** The log is closed by whoever opened it. */
  async close(): Promise<void> {}
}
