import { afterAll, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { createProgram } from '../program.ts'
import { nextWords } from './next-words.ts'

const io = new CapturedIo()
afterAll(() => io.remove())

const next = (line: string) => {
  const { words, names } = nextWords(
    createProgram(io, () => {}),
    line.split(' '),
  )
  return { words: words.map(({ word }) => word), names }
}

describe('what comes next', () => {
  it.each([
    ['str', ['stream']],
    ['stream t', ['tail', 'trim']],
    ['stream ls --so', ['--sort']],
    ['stream ls --sort ', ['name', 'length', 'lag', 'pending']],
    ['stream ls --sort l', ['length', 'lag']],
    ['group reset s g --pending ', ['keep', 'drop']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['nonsense x', []],
  ])('after "%s"', (line, words) => expect(next(line).words).toEqual(words))

  it('knows where names of Redis belong', () => {
    expect(next('stream info ').names).toMatchObject({ kind: 'stream' })
    expect(next('group info orders ').names).toMatchObject({ kind: 'group', stream: 'orders' })
    expect(next('consumer rm orders billing ').names).toMatchObject({ kind: 'consumer', group: 'billing' })
    expect(next('check --stream ').names).toMatchObject({ kind: 'stream' })
    expect(next('stream info --redis redis://a --json ').names).toMatchObject({
      flags: { redis: 'redis://a' },
    })
    expect(next('stream ls --match ').names).toBeUndefined()
  })

  it('hides what is hidden', () => {
    const { words } = next('')
    expect(words).toContain('stream')
    expect(words).not.toContain('complete')
  })
})
