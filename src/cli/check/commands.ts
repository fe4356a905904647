import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { CommandError } from '../exit.ts'
import { deadAfterOption, examples, onRedis } from '../flags.ts'
import { parseCount, parseDuration } from '../parse.ts'
import { STATES } from './result.ts'

const countOption = (flags: string, what: string): Option => new Option(flags, what).argParser(parseCount)
const timeOption = (flags: string, what: string): Option => new Option(flags, what).argParser(parseDuration)

export function addCheckCommand(program: Command, { io, setExitCode }: CommandContext): void {
  const check = program
    .command('check')
    .description('a plugin for Nagios and Icinga: exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
    // Monitoring takes 2, the code for wrong words elsewhere, for CRITICAL.
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommandError('nothing was checked', STATES.UNKNOWN)
    })
    .option('--stream <name>', 'one stream (default: all)')
    .addOption(new Option('--group <name>', 'one group of that stream'))
    .addOption(countOption('--warn-lag <count>', 'WARNING when a group is behind by more'))
    .addOption(countOption('--crit-lag <count>', 'CRITICAL when a group is behind by more'))
    .addOption(timeOption('--warn-pending-age <time>', 'WARNING when a pending entry is older, such as 5m'))
    .addOption(timeOption('--crit-pending-age <time>', 'CRITICAL when a pending entry is older'))
    .addOption(countOption('--warn-dead-letters <count>', 'WARNING when a stream has more dead letters'))
    .addOption(countOption('--crit-dead-letters <count>', 'CRITICAL when a stream has more dead letters'))
    .addOption(
      timeOption('--timeout <time>', 'UNKNOWN when there is no answer by then').default(10_000, '10s'),
    )
    .addOption(deadAfterOption())
  onRedis(check)
    .addHelpText(
      'after',
      `
Without a limit it goes by the verdicts of \`millrace explain\`.
${examples(
  'millrace check',
  'millrace check --stream user:events --group mailer --warn-lag 100 --crit-lag 1000',
  'millrace check --warn-pending-age 5m --crit-pending-age 1h --crit-dead-letters 0',
)}`,
    )
    .action(async (flags) => setExitCode(await (await import('./check.ts')).checkCommand(io, flags)))
}
