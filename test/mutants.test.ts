import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MUTANTS } from '../torture/mutants/mutants.ts'
import { applyPatch } from '../torture/mutants/workshop.ts'

const ROOT = join(import.meta.dirname, '..')
const names = MUTANTS.map(({ name }) => name)

/* What they do is found out by `npm run mutants`. */

it('there are thirteen mutants, each with its patch', () => {
  const patches = readdirSync(join(ROOT, 'torture/mutants/patches')).map((file) =>
    file.replace(/\.patch$/, ''),
  )
  expect(names).toHaveLength(13)
  expect(patches.sort()).toEqual(names)
})

it.each(names)('%s still applies to the source', (name) => {
  expect(() => applyPatch(name, ROOT, { dryRun: true })).not.toThrow()
})

it('a patch that is none is an error that names it', () => {
  expect(() => applyPatch('99-unheard-of', ROOT, { dryRun: true })).toThrow('99-unheard-of')
})
