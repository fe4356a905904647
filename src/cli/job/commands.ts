import { InvalidArgumentError, Option, type Command } from 'commander'
import { JOB_KINDS, type JobState } from '../../core/jobs.ts'
import type { CommandContext } from '../context.ts'
import { byOperator, examples, jsonOption, onRedis } from '../flags.ts'
import { parsePositive } from '../parse.ts'

const STATES = [
  'queued',
  'running',
  'interrupted',
  'cancelled',
  'done',
  'failed',
] as const satisfies readonly JobState[]

export function addJobCommands(program: Command, { io, setExitCode }: CommandContext): void {
  const noun = program
    .command('job')
    .description('look at long work, such as replays and backups, and steer it')

  const ls = noun
    .command('ls')
    .description('list jobs, the newest first')
    .addOption(new Option('--kind <kind>', 'only these').choices(JOB_KINDS))
    .addOption(new Option('--state <state>', 'only those that stand so').choices(STATES))
    .option('--limit <count>', 'how many at most', parsePositive, 50)
    .addOption(jsonOption('an array of jobs'))
  onRedis(ls)
    .addHelpText('after', examples('millrace job ls', 'millrace job ls --kind replay --state interrupted'))
    .action(async (flags) => (await import('./look.ts')).jobListCommand(io, flags))

  const show = ofOne(noun, 'show', 'show all that is known of a job')
  onRedis(show)
    .addHelpText('after', examples('millrace job show 1769590800000000'))
    .action(async (id, flags) => (await import('./look.ts')).jobShowCommand(io, id, flags))

  const watch = ofOne(
    noun,
    'watch',
    'show how far a job is, until it has ended; exit code 1 unless it was done',
  )
  onRedis(watch)
    .addHelpText('after', examples('millrace job watch 1769590800000000'))
    .action(async (id, flags) =>
      setExitCode(await (await import('./watch.ts')).jobWatchCommand(io, id, flags)),
    )

  addSteering(noun, { io, setExitCode })
}

function addSteering(noun: Command, { io }: CommandContext): void {
  const cancel = ofOne(noun, 'cancel', 'end a job between two steps; what was done stays done')
  onRedis(byOperator(cancel))
    .addHelpText('after', examples(`millrace job cancel 1769590800000000 --reason 'wrong range'`))
    .action(async (id, flags) => (await import('./steer.ts')).jobCancelCommand(io, id, flags))

  const resume = ofOne(noun, 'resume', 'take up a job where it was: interrupted, cancelled or failed').option(
    '--here',
    'run it in this process, instead of by a service; what needs a file of this machine always is',
  )
  onRedis(byOperator(resume))
    .addHelpText(
      'after',
      examples('millrace job resume 1769590800000000', 'millrace job resume 1769590800000000 --here'),
    )
    .action(async (id, flags) => (await import('./steer.ts')).jobResumeCommand(io, id, flags))

  const limit = ofOne(noun, 'limit', 'set how much a job may do in a second, also while it runs').argument(
    '<rate>',
    'entries, letters or streams in a second, or none for as many as it can',
    parseLimit,
  )
  onRedis(byOperator(limit))
    .addHelpText(
      'after',
      examples('millrace job limit 1769590800000000 500', 'millrace job limit 1769590800000000 none'),
    )
    .action(async (id, rate, flags) => (await import('./steer.ts')).jobLimitCommand(io, id, rate, flags))
}

const ofOne = (noun: Command, verb: string, description: string): Command =>
  noun
    .command(verb)
    .description(description)
    .argument('<id>', 'as job ls shows it')
    .addOption(jsonOption('the job'))

function parseLimit(text: string): number | 'none' {
  if (text === 'none') return text
  if (/^\d+$/.test(text)) return parsePositive(text)
  throw new InvalidArgumentError('It is a whole number from 1 on, or none.')
}
