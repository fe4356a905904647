import { describe, expect, it } from 'vitest'
import type { Variable } from './variable.ts'
import { VARIABLES } from './variables.ts'

const table: [string, Variable][] = Object.entries(VARIABLES)

describe('the table of variables', () => {
  it.each(table)('%s says what it is for and what is wanted, and its default fits', (_, variable) => {
    expect(variable.about).not.toBe('')
    expect(variable.schema.description).toBeTruthy()
    if (variable.default !== undefined) variable.schema.parse(variable.default)
  })

  it('uses every name once', () => {
    const names = table.flatMap(([name, { aliases = [] }]) => [name, ...aliases])
    expect(new Set(names).size).toBe(names.length)
  })
})
