import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export type GroupPauseFlags = RedisFlags & JsonFlags & OperatorFlags

/** `millrace group pause`. */
export const groupPauseCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupPauseFlags,
): Promise<void> => setPaused(io, stream, group, flags, true)

/** `millrace group resume`. */
export const groupResumeCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupPauseFlags,
): Promise<void> => setPaused(io, stream, group, flags, false)

const setPaused = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupPauseFlags,
  paused: boolean,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations: { control } }) => {
      const operator = operatorOf(flags)
      const changed = await (paused
        ? control.pause(stream, group, operator)
        : control.resume(stream, group, operator))
      if (flags.json) return printJson(io, { stream, group, paused, changed })
      const state = paused ? 'paused' : 'running'
      await print(io, `the group ${JSON.stringify(group)} ${changed ? 'is' : 'was already'} ${state}`)
    },
    { names: { stream, group } },
  )
