import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** The last cell of each row of a table: where its test is. What was measured comes after them. */
const rows = read('docs/guarantees.md')
  .split('\n## Measured under torture\n', 1)[0]!
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:---|hazard|promise)/.test(line))
  .map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
    return { about: cells[1]!, proof: cells.at(-2)! }
  })

/** A file in backticks and, behind it, names of tests in quotation marks. */
const TESTS = /`((?:src|test)\/[^`]+\.ts)`((?:,? “[^”]+”)+)/g

const named = rows.flatMap(({ proof }) =>
  [...proof.matchAll(TESTS)].flatMap(([, file, names]) =>
    [...names!.matchAll(/“([^”]+)”/g)].map(([, name]) => ({ file: file!, name: name! })),
  ),
)

describe('docs/guarantees.md', () => {
  it('has a test for each row, or says with what it comes', () => {
    expect(rows.length).toBeGreaterThan(80)
    const open = rows.filter(({ proof }) => proof.search(TESTS) < 0 && !proof.startsWith('comes with '))
    expect(open).toEqual([])
  })

  it.each(named)('$file has a test “$name”', ({ file, name }) => {
    const text = read(file)
    expect(["'", '"', '`'].some((quote) => text.includes(quote + name.replaceAll("'", "\\'") + quote))).toBe(
      true,
    )
  })
})
