import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, jsonOption, onRedis } from '../flags.ts'

export function addPublishCommand(program: Command, { io }: CommandContext): void {
  const publish = program
    .command('publish')
    .description('publish one event, or one for each item of a file')
    .argument('<stream>', 'the stream to publish to; it is created if need be')
    .requiredOption('--type <type>', 'the type of the events, such as user.created')
    .option('--data <json>', 'the data of a single event')
    .option(
      '--from <file>',
      'a JSON file, JSON lines (.jsonl, .ndjson), or - for JSON lines on standard input',
    )
    .option('--items <path>', 'where in the JSON file the list is, such as features')
    .option('--key <path>', 'where in each item its key is; events of one key keep their order')
    .option('--idempotency-key <path>', 'where in each item is what makes publishing it twice write it once')
    .addOption(jsonOption('how many were published, and the first and last position'))
  onRedis(publish)
    .addHelpText(
      'after',
      examples(
        `millrace publish user:events --type user.created --data '{"userId":"1"}'`,
        'millrace publish quakes --type quake.reported --from quakes.json --items features --key properties.net',
        'cat events.ndjson | millrace publish logs --type line.read --from -',
      ),
    )
    .action(async (stream, flags) => (await import('./publish.ts')).publishCommand(io, stream, flags))
}
