import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = join(import.meta.dirname, '../src')

/**
 * Which folder may import which, besides itself and `core`. A new arrow is a decision: give its reason.
 */
const ALLOWED: Record<string, Record<string, string>> = {
  core: {},
  redis: {},
  worker: {},
  postgres: {},
  telemetry: {},
  testing: {
    engines: 'the launcher of throw-away servers is part of what is exported for tests',
    connectors: 'the suite for sinks runs whole pipelines',
  },
  engines: {},
  config: {},
  middleware: {},
  retention: {},
  security: {},
  settings: {},
  schedule: {},
  jobs: {},
  backup: {},
  rpc: { worker: 'a responder is a worker on the stream of requests' },
  load: {},
  connectors: {
    worker: 'a pipeline to a sink consumes through workers',
    middleware: 'a file of pipelines redacts by the same paths',
    bus: 'middleware on batches, and publishing what a source reads, are those of a bus',
    redis: 'the sink for streams writes to another Redis as well',
    postgres: 'the sink for tables leaves SQL to the folder that knows it',
  },
  bus: {
    redis: '`connect` puts the log on Redis under a bus',
    worker: '`consume` runs a worker',
    schedule: 'scheduled events are moved, and jobs run, while a bus is open',
    retention: '`retain` applies a policy while a bus is open',
    jobs: '`jobs` runs long work while a bus is open',
    backup: 'backup and restore are jobs',
    rpc: 'requests and replies are part of a bus',
  },
  app: {
    connectors: 'an app declares pipelines',
    bus: 'handlers are dispatched by type as on the bus',
    rpc: 'an app declares what answers requests',
    worker: 'a group is declared with the options of a worker',
    schedule: 'an app declares jobs',
  },
  server: {},
  cli: Object.fromEntries(
    [
      'app',
      'backup',
      'bus',
      'config',
      'connectors',
      'engines',
      'jobs',
      'load',
      'middleware',
      'postgres',
      'redis',
      'rpc',
      'schedule',
      'security',
      'server',
      'settings',
      'telemetry',
      'worker',
    ].map((folder) => [folder, 'the one place where everything is put together']),
  ),
}

interface Import {
  file: string
  target: string
}

const sourceFiles = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
)

const imports: Import[] = sourceFiles.flatMap((file) => {
  const text = readFileSync(join(SRC, file), 'utf8')
  const paths = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) => match[1]!)
  return paths.map((path) => ({ file, target: relative(SRC, join(SRC, dirname(file), path)) }))
})

const folderOf = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '.')

describe('the direction of imports', () => {
  it('finds imports at all', () => {
    expect(imports.length).toBeGreaterThan(100)
  })

  it('follows the arrows that are allowed', () => {
    const wrong = imports.filter(({ file, target }) => {
      const [from, to] = [folderOf(file), folderOf(target)]
      if (from === '.' || from === to || to === 'core') return false
      return !(to in (ALLOWED[from] ?? {}))
    })
    expect(wrong).toEqual([])
  })

  it('knows every folder', () => {
    expect(sourceFiles.map(folderOf).filter((folder) => folder !== '.' && !(folder in ALLOWED))).toEqual([])
  })

  it('never goes through an index', () => {
    expect(imports.filter(({ target }) => target.endsWith('index.ts'))).toEqual([])
  })

  it('has no cycles', () => {
    const targets = groupByFile(imports)
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
      if (done.has(file)) return undefined
      for (const { target } of targets.get(file) ?? []) {
        const cycle = visit(target, [...path, file])
        if (cycle) return cycle
      }
      done.add(file)
      return undefined
    }
    for (const file of sourceFiles) expect(visit(file, [])).toBeUndefined()
  })
})

function groupByFile(all: readonly Import[]): Map<string, Import[]> {
  const groups = new Map<string, Import[]>()
  for (const one of all) groups.set(one.file, [...(groups.get(one.file) ?? []), one])
  return groups
}
