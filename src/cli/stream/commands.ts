import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, destructive, examples, jsonOption, onRedis } from '../flags.ts'
import { parseCount, parseDuration, parsePosition, parsePositive } from '../parse.ts'

export function addStreamCommands(program: Command, context: CommandContext): void {
  const stream = program.command('stream').description('look at streams, and work on them')
  addList(stream, context)
  addInfo(stream, context)
  addTail(stream, context, 'millrace stream tail')
  addTrim(stream, context)
  addCopy(stream, context)
}

/** At the top as well, since it is what one does most. */
export const addTailCommand = (program: Command, context: CommandContext): void =>
  addTail(program, context, 'millrace tail')

function addTail(parent: Command, { io }: CommandContext, words: string): void {
  const tail = parent
    .command('tail')
    .description('show the events of a stream as they come, without a group')
    .argument('<stream>', 'the stream to read')
    .option('--from <position>', '0 for everything, $ for what comes from now on, or a position', '$')
    .option('--no-follow', 'end at the end of the stream')
    .option('--limit <count>', 'end after so many events')
    .option('--json', 'print an object a line')
  onRedis(tail)
    .addHelpText(
      'after',
      examples(`${words} user:events`, `${words} user:events --from 0 --no-follow --json`),
    )
    .action(async (stream, flags) => (await import('./tail.ts')).tailCommand(io, stream, flags))
}

function addList(stream: Command, { io }: CommandContext): void {
  const list = stream
    .command('ls')
    .description('list the streams, whoever wrote them, with their numbers')
    .option('--match <pattern>', 'names with * for any text and ? for any character')
    .addOption(
      new Option('--sort <by>', 'what comes first')
        .choices(['name', 'length', 'lag', 'pending'])
        .default('name'),
    )
    .option('--companions', 'also what Millrace keeps beside streams, such as dead letters')
    .addOption(jsonOption('an array of streams'))
  onRedis(list)
    .addHelpText('after', examples('millrace stream ls', `millrace stream ls --match 'user:*' --sort lag`))
    .action(async (flags) => (await import('./list.ts')).streamListCommand(io, flags))
}

function addInfo(stream: Command, { io }: CommandContext): void {
  const info = stream
    .command('info')
    .description('show a stream, its groups, and what keeps its entries')
    .argument('<stream>', 'the stream to look at')
    .addOption(jsonOption('an object, its groups in it'))
  onRedis(info)
    .addHelpText('after', examples('millrace stream info user:events'))
    .action(async (name, flags) => (await import('./info.ts')).streamInfoCommand(io, name, flags))
}

const jobOptions = (command: Command): Command =>
  command
    .option('--rate <count>', 'how many entries in a second (default: as many as it can)', parsePositive)
    .option('--detach', 'leave the work to a service that runs')

function addTrim(stream: Command, { io }: CommandContext): void {
  const trim = stream
    .command('trim')
    .description('drop the oldest entries that no group and no hold needs any more')
    .argument('<stream>', 'the stream')
    .option('--max-length <count>', 'entries beyond so many', parseCount)
    .option('--max-age <time>', 'entries older than this, such as 7d', parseDuration)
    .addOption(
      new Option('--before <position>', 'entries below this position')
        .argParser(parsePosition)
        .conflicts('maxAge'),
    )
    .option('--hard', 'with --max-length: also what is unread or pending; it is lost to its groups')
    .addOption(jsonOption('the job when it is done, or the preview of a dry run'))
  onRedis(destructive(jobOptions(trim), 'the name of the stream'))
    .addHelpText(
      'after',
      examples(
        'millrace stream trim user:events --max-age 7d --dry-run',
        'millrace stream trim user:events --max-length 100000 --yes user:events',
      ),
    )
    .action(async (name, flags) => (await import('./trim.ts')).streamTrimCommand(io, name, flags))
}

function addCopy(stream: Command, { io }: CommandContext): void {
  const copy = stream
    .command('copy')
    .description('copy the entries of a stream to another name; groups are not copied')
    .argument('<stream>', 'the stream')
    .argument('<to>', 'the name of the copy')
    .option('--append', 'also to a stream that is there')
    .option('--dry-run', 'change nothing, and say how many entries there are')
    .addOption(jsonOption('the job when it is done, or the preview of a dry run'))
  onRedis(byOperator(jobOptions(copy)))
    .addHelpText('after', examples('millrace stream copy user:events user:events:backup'))
    .action(async (name, to, flags) => (await import('./copy.ts')).streamCopyCommand(io, name, to, flags))
}
