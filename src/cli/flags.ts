import { Option, type Command } from 'commander'
import { parseDuration } from './parse.ts'

/** What every destructive command takes. */
export interface DestructiveFlags extends OperatorFlags {
  /** The name of what is to be changed, said once more. */
  yes?: string
  dryRun?: boolean
}

/** Who does it, and why: written down with what was done. */
export interface OperatorFlags {
  actor?: string
  reason?: string
}

export interface JsonFlags {
  json?: boolean
}

export const redisOption = (): Option =>
  new Option('--redis <url>', 'the Redis to use (default: REDIS_URL, else the embedded one)')

export const configOption = (): Option =>
  new Option(
    '--config <file>',
    'the configuration file (default: millrace.config.js, .json or .ts, where there is one)',
  )

/** @param shape what the document is, such as `an array of streams` */
export const jsonOption = (shape: string): Option => new Option('--json', `print one JSON document: ${shape}`)

export interface LivenessFlags {
  /** In ms. */
  deadAfter?: number
}

export const deadAfterOption = (): Option =>
  new Option(
    '--dead-after <time>',
    'a consumer of other software counts as dead when it did nothing for so long (default: 1m)',
  ).argParser(parseDuration)

/** The options of a command that goes to Redis. */
export const onRedis = (command: Command): Command =>
  command.addOption(redisOption()).addOption(configOption())

export const byOperator = (command: Command): Command =>
  command
    .option('--reason <text>', 'why, in your own words; it is written down')
    .option('--actor <name>', 'who does it; it is written down (default: user@host)')

/** @param name what `--yes` must repeat, such as `the name of the group` */
export const destructive = (command: Command, name: string): Command =>
  byOperator(
    command
      .option('--dry-run', 'change nothing, and say what would be done')
      .option('--yes <name>', `don't ask; must be ${name}`),
  )

/** The part of a command's help that shows it in use. */
export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
