import type { Argument, Command, Option } from 'commander'
import type { RedisFlags } from '../with-redis.ts'

export interface NextWord {
  readonly word: string
  readonly meaning: string
}

/** Names that only Redis knows. */
export interface Names {
  readonly kind: 'stream' | 'group' | 'consumer'
  readonly stream: string
  readonly group: string
  readonly flags: RedisFlags
}

/** What may come next on a command line. */
export interface NextWords {
  readonly words: readonly NextWord[]
  readonly names?: Names
}

/** How far the words lead: the command, what it was given, and the option that waits for its value. */
interface Place {
  command: Command
  operands: string[]
  flags: RedisFlags
  waiting: Option | undefined
}

/**
 * @param words those behind `millrace`; the last one is being typed, and may be empty
 */
export function nextWords(program: Command, words: readonly string[]): NextWords {
  const current = words.at(-1) ?? ''
  const place = walk(program, words.slice(0, -1))
  const fitting = (found: readonly NextWord[]) => found.filter(({ word }) => word.startsWith(current))
  const { command, operands, waiting } = place
  if (waiting)
    return { words: fitting(choicesOf(waiting.argChoices)), ...namesFor(valueName(waiting), place) }
  if (current.startsWith('-')) return { words: fitting(optionsOf(command)) }
  const argument = argumentAt(command, operands.length)
  const found = [...commandsOf(command), ...choicesOf(argument?.argChoices)]
  return { words: fitting(found), ...namesFor(argument?.name(), place) }
}

function walk(program: Command, words: readonly string[]): Place {
  const place: Place = { command: program, operands: [], flags: {}, waiting: undefined }
  for (const word of words) {
    if (place.waiting) take(place, place.waiting, word)
    else if (word.startsWith('-')) place.waiting = waitingOption(place.command, word)
    else step(place, word)
  }
  return place
}

function take(place: Place, option: Option, value: string): void {
  place.waiting = undefined
  const name = option.attributeName()
  if (name === 'redis' || name === 'config') place.flags[name] = value
}

function step(place: Place, word: string): void {
  const next = place.operands.length === 0 && place.command.commands.find((one) => one.name() === word)
  if (next) place.command = next
  else place.operands.push(word)
}

const waitingOption = (command: Command, word: string): Option | undefined =>
  command.options.find(({ long, short, required }) => required && (long === word || short === word))

const optionsOf = (command: Command): NextWord[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ word: long, meaning: description }] : []))

const commandsOf = (command: Command): NextWord[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ word: one.name(), meaning: one.description() }))

const choicesOf = (choices: readonly string[] = []): NextWord[] =>
  choices.map((word) => ({ word, meaning: '' }))

function argumentAt({ registeredArguments }: Command, at: number): Argument | undefined {
  const last = registeredArguments.at(-1)
  return registeredArguments[at] ?? (last?.variadic ? last : undefined)
}

/** Such as `consumer` of `--from <consumer>`; of `--stream <name>`, its own name. */
function valueName(option: Option): string {
  const [, value = ''] = /<([\w-]+)/.exec(option.flags) ?? []
  return value === 'name' ? option.name() : value
}

const KINDS: Readonly<Record<string, Names['kind']>> = {
  stream: 'stream',
  streams: 'stream',
  group: 'group',
  consumer: 'consumer',
}

function namesFor(name: string | undefined, { operands, flags }: Place): { names?: Names } {
  const kind = name === undefined ? undefined : KINDS[name]
  if (!kind) return {}
  const [stream = '', group = ''] = operands
  return { names: { kind, stream, group, flags } }
}
