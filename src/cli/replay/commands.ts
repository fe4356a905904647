import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, examples, jsonOption, onRedis } from '../flags.ts'
import { parsePositive } from '../parse.ts'

export function addReplayCommand(program: Command, { io }: CommandContext): void {
  const replay = program
    .command('replay')
    .description('deliver entries again that lie in a stream: to one of its groups, or into another stream')
    .argument('<stream>', 'where the entries lie')
    .option('--group <name>', 'the group that gets them once more; no other group does')
    .option('--to-stream <stream>', 'the stream that gets copies of them')
    .option(
      '--from <place>',
      'the first: a position, a time, or how long ago as in -2h; 0 for the start of the stream',
    )
    .option('--to <place>', 'the last, said in the same way (default: what is the end of the stream now)')
    .option('--rate <count>', 'how many entries in a second (default: as many as it can)', parsePositive)
    .option('--dry-run', 'change nothing, and say how many entries there are')
    .option('--detach', 'leave the work to a service that runs')
    .addOption(jsonOption('the job when it is done, or the preview of a dry run'))
  onRedis(byOperator(replay))
    .addHelpText(
      'after',
      examples(
        'millrace replay user:events --group mailer --from -2h --dry-run',
        'millrace replay user:events --group mailer --from 2026-01-28T09:00:00Z --to 2026-01-28T10:00:00Z',
        'millrace replay user:events --to-stream user:events:test --from 0 --rate 5000',
      ),
    )
    .action(async (stream, flags) => (await import('./replay.ts')).replayCommand(io, stream, flags))
}
