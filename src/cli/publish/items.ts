import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { CommandError, EXIT } from '../exit.ts'
import type { Io } from '../io.ts'

/** What is read from a file, and how many there will be where that is known. */
export interface Items {
  total: number | undefined
  items: AsyncIterable<unknown> | Iterable<unknown>
}

/**
 * The items of a file: a JSON array, an array inside a JSON document (`path` as in `features` or `a.b`), a single
 * JSON value, or JSON lines (`.jsonl`, `.ndjson`, and `-` for standard input), which are read as they come.
 *
 * @throws CommandError when the file can't be read as what it should be
 */
export async function readItems(io: Io, from: string, path: string | undefined): Promise<Items> {
  if (from === '-') return { total: undefined, items: jsonLines(io.stdin, 'standard input') }
  if (/\.(jsonl|ndjson)$/.test(from)) {
    return { total: undefined, items: jsonLines(createReadStream(from), from) }
  }
  const document = parse(await read(from), from)
  const value = path === undefined ? document : valueAt(document, path)
  if (path !== undefined && !Array.isArray(value)) {
    throw new CommandError(
      `there is no list at "${path}" in ${from}; --items names the list to publish`,
      EXIT.usage,
    )
  }
  const items = Array.isArray(value) ? value : [value]
  return { total: items.length, items }
}

/** The value at a path of names with dots between, or undefined. Own properties only. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    return (at as Record<string, unknown>)[name]
  }, value)
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new CommandError(`there is no file ${file}`, EXIT.notFound)
    throw new CommandError(`${file} can't be read: ${message}`)
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(`${where} is not JSON: ${(error as Error).message}`)
  }
}

async function* jsonLines(input: NodeJS.ReadableStream, name: string): AsyncGenerator<unknown> {
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number++
    if (line.trim() !== '') yield parse(line, `line ${number} of ${name}`)
  }
}
