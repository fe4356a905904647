import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { limited } from '../../core/limited.ts'
import { print, type Io } from '../io.ts'
import { harmless } from '../output/text.ts'
import { readCommandConfig } from '../service-config.ts'
import { withOperations } from '../with-operations.ts'
import { nextWords, type Names } from './next-words.ts'

/** Whoever pressed the key waits, in ms. */
const TIMEOUT_MS = 1_000
const MOST_NAMES = 500

/** `millrace complete`: what may come next, with what it means; silent about whatever goes wrong. */
export async function completeCommand(io: Io, program: Command, words: readonly string[]): Promise<void> {
  const { words: found, names } = nextWords(program, words)
  for (const { word, meaning } of found) await print(io, meaning === '' ? word : `${word}\t${meaning}`)
  if (!names) return
  const known = await namesOf(io, names).catch(() => [])
  const fitting = known.filter((name) => name.startsWith(words.at(-1) ?? '') && name === harmless(name))
  for (const name of fitting.slice(0, MOST_NAMES)) await print(io, name)
}

/** Those that are there now, of the Redis that is configured; none is started to look for names. */
async function namesOf(io: Io, { kind, stream, group, flags }: Names): Promise<string[]> {
  const { config } = await readCommandConfig(io, flags)
  if (!config.redis) return []
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const signal = limited(io.signal, TIMEOUT_MS)
  let names: string[] = []
  const quiet: Io = { ...io, stderr: nowhere, signal }
  await withOperations(
    quiet,
    flags,
    async ({ operations }) => {
      if (kind === 'stream') names = await operations.catalogue.names({ signal })
      if (kind === 'group') names = (await operations.stats.lag(stream)).map((one) => one.group)
      if (kind === 'consumer')
        names = (await operations.members.consumers(stream, group)).map(({ name }) => name)
    },
    { timeoutMs: TIMEOUT_MS },
  )
  return names
}
