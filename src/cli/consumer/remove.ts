import { confirm } from '../confirm.ts'
import type { DestructiveFlags, JsonFlags, LivenessFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, sayDryRun, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export type ConsumerRemoveFlags = RedisFlags & JsonFlags & DestructiveFlags & LivenessFlags

/** `millrace consumer rm`: ends a consumer that nobody needs. */
export const consumerRemoveCommand = (
  io: Io,
  stream: string,
  group: string,
  consumer: string,
  flags: ConsumerRemoveFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations: { members } }) => {
      const options = { ...operatorOf(flags), ...given({ minIdleMs: flags.deadAfter }) }
      const remove = (dryRun: boolean): Promise<boolean> =>
        members.remove(stream, group, consumer, { ...options, dryRun })
      const what = `the consumer ${JSON.stringify(consumer)}`
      let removed = await remove(true)
      if (!flags.dryRun) {
        await confirm(io, flags, { what, name: consumer, consequences: [`${what} will be removed`] })
        removed = await remove(false)
      }
      if (flags.json) return printJson(io, { removed, dryRun: flags.dryRun === true })
      if (!removed) return print(io, `${what} is not there`)
      await print(io, flags.dryRun ? `${what} would be removed` : `removed ${what}`)
      if (flags.dryRun) sayDryRun(io)
    },
    { names: { stream, group, consumer } },
  )
