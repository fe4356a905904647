import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { deadAfterOption, examples, jsonOption, onRedis } from '../flags.ts'

export function addExplainCommand(program: Command, { io }: CommandContext): void {
  const explain = program
    .command('explain')
    .description('say why groups are stuck, with the evidence and the commands that mend them')
    .argument('[stream]', 'one stream (default: all, whoever wrote them)')
    .argument('[group]', 'one group of it')
    .option('--all', 'also the groups that are well')
    .addOption(deadAfterOption())
    .addOption(jsonOption('an array of explanations, the gravest first, of all groups'))
  onRedis(explain)
    .addHelpText(
      'after',
      examples('millrace explain', 'millrace explain user:events mailer', 'millrace explain --all --json'),
    )
    .action(async (stream, group, flags) =>
      (await import('./explain.ts')).explainCommand(io, stream, group, flags),
    )
}
