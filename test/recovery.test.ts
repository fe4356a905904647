import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../src/cli/program.ts'
import { commandsIn } from './support/document-commands.ts'
import { CapturedIo } from './support/captured-io.ts'
import { useOnce } from './support/use.ts'
import { useRedis } from './support/use-redis.ts'

const document = readFileSync(join(import.meta.dirname, '../docs/recovery.md'), 'utf8')
const first = useRedis()
const second = useRedis()
const io = useOnce(
  async () => new CapturedIo(),
  async (it) => it.remove(),
)

/** Runs the commands of a part of the drill, and answers what they printed. */
async function drill(from: string, to: string): Promise<string> {
  const part = document.slice(document.indexOf(from), document.indexOf(to))
  const commands = commandsIn(part)
  expect(commands.length).toBeGreaterThan(0)
  io.stdout.text = ''
  for (const [program, ...args] of commands) {
    expect(program).toBe('millrace')
    io.stderr.text = ''
    const code = await run(io, args)
    expect([args.join(' '), code, code === 0 ? '' : io.stderr.text]).toEqual([args.join(' '), 0, ''])
  }
  return io.stdout.text
}

test('the drill of docs/recovery.md works as it stands there', async () => {
  io.env['REDIS_URL'] = first.server.url
  await drill('Something that is worth', '**1.')
  await first.admin.send(['XGROUP', 'CREATE', 'orders', 'mailer', '0'])
  await first.admin.send(['XREADGROUP', 'GROUP', 'mailer', 'a', 'COUNT', '1', 'STREAMS', 'orders', '>'])
  const before = await first.admin.send(['XRANGE', 'orders', '-', '+'])
  expect(await drill('**1.', '**2.')).toMatch(/orders/)
  await first.server.stop()

  io.env['REDIS_URL'] = second.server.url
  await drill('**3.', '**4.')
  expect(await second.admin.send(['EXISTS', 'orders'])).toBe(0)
  await drill('**4.', '**5.')
  expect(await second.admin.send(['XRANGE', 'orders', '-', '+'])).toEqual(before)
  expect(await drill('**5.', '**6.')).toMatch(/mailer/)
  expect((await drill('**6.', '## What is')).match(/order\.created/g)).toHaveLength(3)
})
