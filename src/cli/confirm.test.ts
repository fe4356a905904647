import { afterEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../test/support/captured-io.ts'
import { failureOf } from '../../test/support/until.ts'
import { confirm } from './confirm.ts'
import { EXIT, exitCodeOf } from './exit.ts'

const stake = { what: 'the group "mail er"', name: 'mail er', consequences: ['12 entries go'] }
let io: CapturedIo
afterEach(() => io.remove())

function terminal(typed: string): CapturedIo {
  io = new CapturedIo({}, typed)
  for (const one of [io.stdin, io.stderr]) Object.assign(one, { isTTY: true })
  return io
}

describe('a confirmation', () => {
  it('is the name behind --yes, and no other', async () => {
    io = new CapturedIo()
    await confirm(io, { yes: 'mail er' }, stake)
    const failure = await failureOf(confirm(io, { yes: 'mailer' }, stake))
    expect(exitCodeOf(failure)).toBe(EXIT.usage)
    expect(failure.message).toBe(
      'nothing was changed: --yes must be "mail er", to confirm that the group "mail er" is meant, not "mailer"',
    )
  })

  it('is not needed for a dry run', async () => {
    io = new CapturedIo()
    await confirm(io, { dryRun: true }, stake)
    expect(io.stderr.text).toBe('')
  })

  it('says what to add where nobody can be asked', async () => {
    io = new CapturedIo({}, 'mail er\n')
    const failure = await failureOf(confirm(io, {}, stake))
    expect(exitCodeOf(failure)).toBe(EXIT.usage)
    expect(failure.message).toContain(`add --yes 'mail er'`)
  })

  it('is what somebody types who was told what will happen', async () => {
    await confirm(terminal('mail er\n'), {}, stake)
    expect(io.stderr.text).toBe('12 entries go\nType "mail er" to go on: ')
    expect(io.stdout.text).toBe('')
    io.remove()
    const failure = await failureOf(confirm(terminal('yes\n'), {}, stake))
    expect(exitCodeOf(failure)).toBe(EXIT.usage)
  })

  it.each(['the end of the input', 'Ctrl-C'])('is not %s', async (what) => {
    terminal('')
    const asked = failureOf(confirm(io, {}, stake))
    if (what === 'Ctrl-C') io.stop.abort()
    else io.stdin.push(null)
    expect((await asked).message).toBe('nothing was changed: there was no answer')
  })
})
