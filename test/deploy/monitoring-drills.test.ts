import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bury } from '../support/bury.ts'
import { commandsIn } from '../support/document-commands.ts'
import { redisLab } from '../support/redis-lab.ts'
import { useCommand } from '../support/use-command.ts'

/* What the runbook says to look at, looked at where it is really so. */

const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8')
const lab = redisLab()
const millrace = useCommand(lab.server)
const GROUP = 'group'

/** What the commands of a section print, those of `millrace`, with the names of the test. */
async function look(section: string, names: Readonly<Record<string, string>> = {}): Promise<string> {
  const [, text = ''] = new RegExp(`\n### ${section}\n.*?\\*\\*Look\\.\\*\\*(.*?)\\*\\*Mend\\.`, 's').exec(
    runbook,
  )!
  const known: Readonly<Record<string, string>> = { orders: lab.stream, mailer: GROUP, ...names }
  const commands = commandsIn(text).filter(([program, noun]) => program === 'millrace' && noun !== 'doctor')
  expect(commands.length).toBeGreaterThan(0)
  const printed = []
  for (const [, ...words] of commands) {
    const { out, err } = await millrace(words.map((word) => known[word] ?? word))
    printed.push(out, err)
  }
  return printed.join('\n')
}

const longAgo = () => `${Date.now() - 600_000}-1`

describe.each(['stuck-consumer', 'MillraceOldestPending'])('%s', (section) => {
  it('shows the entry that a living consumer does not end, and whose it is', async () => {
    const consumer = await lab.join({ consumer: 'hangs' })
    const position = longAgo()
    await lab.send('XADD', lab.stream, position, 'number', '1')
    await lab.claimCount(consumer, 1)
    await consumer.heartbeat()
    const printed = await look(section)
    expect(printed).toMatch(new RegExp(`^${position} +10m.* hangs `, 'm'))
  })
})

it('MillraceDeadLetters: shows how many are alike, and one of them with its reason', async () => {
  await lab.append(1)
  const [id] = await bury(lab.log, { stream: lab.stream, group: GROUP, data: [1, 2] })
  const printed = await look('MillraceDeadLetters', { '1769590800000-0': id! })
  expect(printed).toMatch(/^ +2 +group +SMTP_DOWN/m)
  expect(printed).toMatch(/^reason: +because of SMTP_DOWN$/m)
})

it('MillraceOutboxOld: says what lies in the place of a stream', async () => {
  await lab.send('SET', lab.stream, 'x')
  expect(await look('MillraceOutboxOld')).toContain('holds something else than a stream')
})
