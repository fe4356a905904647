import type { DeadLetterChange, StoredDeadLetter } from '../../core/dead-letters.ts'
import { toError } from '../../core/errors.ts'
import { quote } from '../../redis/explain/commands.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { harmless } from '../output/text.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { editJson } from './editor.ts'
import { changesOf, toLine, type DataChange } from './letter-changes.ts'

export interface EditFlags extends RedisFlags, OperatorFlags, JsonFlags {
  data?: string
  type?: string
  original?: boolean
  dryRun?: boolean
}

/** `millrace dead-letter edit S ID`: by flags, or in the operator's editor. */
export async function deadLetterEditCommand(
  io: Io,
  stream: string,
  id: string,
  flags: EditFlags,
): Promise<void> {
  const said = changeOf(flags)
  const operator = operatorOf(flags)
  await withOperations(
    io,
    flags,
    async ({ operations: { deadLetters } }) => {
      const before = await deadLetters.get(stream, id)
      const change = said ?? (await edited(io, stream, before))
      const foreseen = change && differences(before, change)
      if (!change || foreseen?.length === 0) return report(io, flags, before, [], 'nothing was changed')
      if (flags.dryRun) return report(io, flags, before, foreseen ?? [], 'nothing was changed: a dry run')
      const after = await deadLetters.edit(stream, id, change, operator)
      const advice = `to deliver it: millrace dead-letter redrive ${quote(stream)} ${id}`
      await report(io, flags, after, between(before, after), advice)
    },
    { names: { stream } },
  )
}

/** What the flags say; undefined where none does. */
function changeOf({ data, type, original }: EditFlags): DeadLetterChange | undefined {
  if (original && (data !== undefined || type !== undefined))
    throw new CommandError(
      '--original takes back all edits, so it goes with neither --data nor --type',
      EXIT.usage,
    )
  if (original) return { original: true }
  if (data === undefined && type === undefined) return undefined
  return { ...(data !== undefined && { data: parse(data) }), ...(type !== undefined && { type }) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(`--data is not JSON: ${toError(error).message}; nothing was changed`, EXIT.usage)
  }
}

/** What the editor made of the data; undefined where it was left as it is. */
async function edited(
  io: Io,
  stream: string,
  { id, event, undecodable }: StoredDeadLetter,
): Promise<DeadLetterChange | undefined> {
  if (!event)
    throw new CommandError(`there is no data to edit: ${undecodable}; --data JSON sets it without looking`)
  const data = await editJson(io, event.data, `millrace dead-letter edit ${quote(stream)} ${id} --data`)
  return changesOf(event.data, data).length === 0 ? undefined : { data }
}

/** What a change will make of the letter; undefined where only the server can tell. */
function differences(
  { event, type, original }: StoredDeadLetter,
  change: DeadLetterChange,
): DataChange[] | undefined {
  if ('original' in change) return original ? undefined : []
  if ('fields' in change || !event) return undefined
  return [
    ...(change.type === undefined ? [] : changesOf(type, change.type, '(type)')),
    ...(change.data === undefined ? [] : changesOf(event.data, change.data)),
  ]
}

const between = (before: StoredDeadLetter, after: StoredDeadLetter): DataChange[] => [
  ...changesOf(before.type, after.type, '(type)'),
  ...changesOf(before.event?.data, after.event?.data),
]

async function report(
  io: Io,
  { json }: EditFlags,
  letter: StoredDeadLetter,
  changes: readonly DataChange[],
  note: string,
): Promise<void> {
  if (json) return printJson(io, { letter, changes })
  for (const change of changes) await print(io, harmless(toLine(change)))
  say(io, note)
}
