import { beforeAll, describe, expect, it } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { EXIT } from '../exit.ts'
import { NO_READER } from '../io.ts'
import { createProgram, run } from '../program.ts'
import type { GroupExplanation } from '../../core/explain.ts'

const { server, admin } = useRedis()
const millrace = useCommand(server)

/** One group that is well, one that nobody reads for, and one whose consumer holds entries and is silent. */
beforeAll(async () => {
  for (const stream of ['orders', 'a stream'])
    for (let n = 1; n <= 3; n++) await admin.send(['XADD', stream, `${n}-0`, 'type', 'a', 'data', '1'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'well', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'well', 'c', 'NOACK', 'STREAMS', 'orders', '>'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'alone', '0'])
  await admin.send(['XGROUP', 'CREATE', 'a stream', 'dead end', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'dead end', 'gone', 'STREAMS', 'a stream', '>'])
  await admin.send(['XCLAIM', 'a stream', 'dead end', 'gone', '0', '1-0', 'IDLE', '600000'])
})

describe('explain', () => {
  it('tells of the groups that are not well, and how many are', async () => {
    const { code, out } = await millrace(['explain'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/^CRITICAL {2}orders \/ alone {2}no-consumers\n {2}.*3 entries to read/m)
    expect(out).toMatch(/^ {2}evidence: .*behind 3/m)
    expect(out).toMatch(/^ {2}\$ millrace group info orders alone$/m)
    expect(out).not.toContain('orders / well')
    expect(out).toMatch(/^\d groups? well \(--all shows them\)$/m)
  })

  it('ends without a word when nobody reads it any more, as behind `| head`', async () => {
    const io = new CapturedIo({ REDIS_URL: server.url })
    io.stop.abort(NO_READER)
    expect(await run(io, ['explain'])).toBe(EXIT.ok)
    expect(io.stderr.text).toBe('')
    io.remove()
  })

  it('shows all with --all, or the one that is asked for', async () => {
    expect((await millrace(['explain', '--all'])).out).toContain('orders / well  healthy')
    const { out } = await millrace(['explain', 'orders', 'well'])
    expect(out).toMatch(/^ok {2}orders \/ well {2}healthy\n/)
    expect(out).not.toContain('alone')
  })

  it('prints an array, the gravest first', async () => {
    const explanations = (await millrace(['explain', '--json'])).json as GroupExplanation[]
    expect(explanations).toHaveLength(3)
    expect(explanations[0]?.severity).toBe('critical')
    expect(explanations.at(-1)).toMatchObject({
      stream: 'orders',
      group: 'well',
      verdict: 'healthy',
      severity: 'ok',
    })
  })

  it('shows commands that there are, with options that they have', async () => {
    const explanations = (await millrace(['explain', '--json', '--dead-after', '1ms']))
      .json as GroupExplanation[]
    const commands = explanations.flatMap((one) => one.commands)
    expect(commands.length).toBeGreaterThan(1)
    const io = new CapturedIo()
    io.remove()
    for (const line of commands) {
      const [, noun, verb, ...words] = line.replaceAll(/'[^']*'/g, 'NAME').split(' ')
      const program = createProgram(io, () => {})
      const top = program.commands.find((one) => one.name() === noun)!
      const command = top.commands.find((one) => one.name() === verb) ?? top
      const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0])
      expect(command.options.map(({ long }) => long)).toEqual(expect.arrayContaining(flags))
    }
  })

  it('suggests the names that were meant', async () => {
    const stream = await millrace(['explain', 'order'])
    expect(stream.code).toBe(EXIT.notFound)
    expect(stream.err).toContain('did you mean "orders"?')
    const group = await millrace(['explain', 'orders', 'wel'])
    expect(group.code).toBe(EXIT.notFound)
    expect(group.err).toContain('did you mean "well"?')
  })
})

it('says so where there is nothing', async () => {
  const { code, out } = await millrace(['explain'], { env: { REDIS_URL: `${server.url}/9` } })
  expect([code, out]).toEqual([EXIT.ok, 'there are no groups\n'])
})
