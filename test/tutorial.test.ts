import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { stepsOf, type DocumentStep } from './support/document-steps.ts'
import { DocumentReader, type ReaderOptions } from './support/document-reader.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const ROOT = join(import.meta.dirname, '..')
const CONCEPTS = 'docs/concepts'
/** The words of the project, as its conventions have them: a glossary with others, or without one, is another language. */
const WORDS =
  'stream entry event group consumer pending acknowledge claim dead-letter redrive replay lag sink pipeline terminal'
const stepsIn = (file: string): DocumentStep[] => stepsOf(readFileSync(join(ROOT, file), 'utf8'))

// Readers have the package as it is published, so what they do is done with what was built from the sources.
beforeAll(
  () => void execFileSync(process.execPath, ['scripts/setup.mjs', '--build'], { cwd: ROOT, stdio: 'pipe' }),
)

describe('the tutorial', () => {
  const reader = useOnce(
    async () => new DocumentReader(),
    (it) => it.close(),
  )

  test('does what it says, from an empty folder to the end', async () => {
    expect(await reader.follow(stepsIn('docs/tutorial.md'))).toBeGreaterThan(10)
  }, 180_000)
})

/** In a folder with all that the first steps of the tutorial bring there. */
function equippedReader(options: ReaderOptions = {}): DocumentReader {
  const reader = new DocumentReader(options)
  reader.install()
  reader.write('package.json', '{ "type": "module" }')
  return reader
}

const pages = readdirSync(join(ROOT, CONCEPTS)).filter((page) => page !== 'README.md')
const programOf = (page: string): string =>
  stepsIn(`${CONCEPTS}/${page}`).find((step) => step.kind === 'program')!.text

describe('the concepts', () => {
  const redis = useRedisServer()
  const postgres = usePostgres()
  const reader = useOnce(
    async () => {
      const places = {
        'redis://localhost:6379': redis.url,
        'postgres://postgres@localhost:5432/orders': postgres.url,
      }
      return equippedReader({ env: { REDIS_URL: redis.url }, places })
    },
    (it) => it.close(),
  )
  const index = readFileSync(join(ROOT, CONCEPTS, 'README.md'), 'utf8')

  test.each(pages)('%s does what it says', async (page) => {
    expect(await reader.follow(stepsIn(`${CONCEPTS}/${page}`))).toBeGreaterThan(0)
  })

  test('are all in the index, once', () => {
    const listed = [...index.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, page]) => page!)
    expect(listed.toSorted()).toEqual(pages.toSorted())
  })

  test('share one word for each thing', () => {
    const words = [...index.matchAll(/^\| ([a-z ]+) \|/gm)].map(([, word]) => word!.replace(' ', '-'))
    expect(words.join(' ')).toBe(`word ${WORDS}`)
  })
})

describe('the programs of the concepts', () => {
  const reader = useOnce(
    async () => equippedReader(),
    (it) => it.close(),
  )

  test('are accepted by the compiler', () => {
    const tsconfig = stepsIn('docs/tutorial.md').find((step) => step.kind === 'file')!
    reader.write(tsconfig.name, tsconfig.text)
    for (const page of pages) reader.write(page.replace('.md', '.ts'), programOf(page))
    const options = { cwd: reader.folder, encoding: 'utf8' } as const
    const { stdout } = spawnSync('node_modules/.bin/tsc', ['--skipLibCheck'], options)
    expect(stdout).toBe('')
  })
})
