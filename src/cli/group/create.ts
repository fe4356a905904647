import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface GroupCreateFlags extends RedisFlags, JsonFlags, OperatorFlags {
  start: string
  createStream?: boolean
}

/** What the words of this command are called by Redis. */
const STARTS: Readonly<Record<string, string>> = { start: '0', end: '$' }

/** `millrace group create`: a group, where there was none. */
export const groupCreateCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupCreateFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const start = STARTS[flags.start] ?? flags.start
      const { createStream = false } = flags
      const options = { ...operatorOf(flags), start, createStream }
      const created = await operations.lifecycle.create(stream, group, options)
      if (flags.json) return printJson(io, { stream, group, created })
      const what = `the group ${JSON.stringify(group)} on ${JSON.stringify(stream)}`
      await print(io, created ? `created ${what}` : `${what} was there already, and stays as it is`)
    },
    { names: { stream } },
  )
