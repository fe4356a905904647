import { keyItem, randomKey } from '../../security/api-key.ts'
import { print, printJson, say, type Io } from '../io.ts'

export interface KeyCreateFlags {
  name: string
  scopes: string
  expires?: string
  json?: boolean
}

/** `millrace key create`: the key goes to standard output, and nowhere else. */
export async function keyCreateCommand(
  io: Io,
  { name, scopes, expires, json }: KeyCreateFlags,
): Promise<void> {
  const key = randomKey()
  const item = keyItem(key, name, scopes, expires)
  if (json) return printJson(io, { key, item })
  await print(io, key)
  say(
    io,
    `\nGive this key to ${name}; it is not shown again. Add its digest to API_KEYS, with a comma before it:`,
  )
  say(io, `\n  ${item}\n`)
}
