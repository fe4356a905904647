import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { instrument, type Await } from './instrument.ts'

const ROOT = join(import.meta.dirname, '../..')
const HERE = 'test/crash-points'
/** Which sources get points: whatever an event goes through on its way in, through a worker, and into PostgreSQL. */
const SWEPT = [
  /^bus\/(?:batched|bus|connect|dispatch|group-handler|publish-pipeline|publisher)\.ts$/,
  /^redis\/(?:append|connections|group)\//,
  /^redis\/(?:connection|lease|redis-log|script)\.ts$/,
  /^worker\//,
  /^postgres\/(?!index|migration|open-postgres|processed-events|test-)/,
]

/** A compiled copy of the sources in which each await calls its points. Made once for a whole sweep. */
export interface Build {
  /** To be run by `node`. */
  readonly child: string
  readonly awaits: readonly Await[]
  remove(): void
}

export function build(): Build {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-crash-points-'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const awaits: Await[] = []
  for (const file of [...modulesIn('src'), ...modulesIn(HERE)]) {
    const to = join(folder, file.replace(/\.ts$/, '.js'))
    const points = isSwept(file) ? { points: relative(dirname(file), `${HERE}/points.js`) } : {}
    const text = readFileSync(join(ROOT, file), 'utf8')
    const made = instrument(text, { file, first: 2 * awaits.length, ...points })
    awaits.push(...made.awaits)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, made.code)
  }
  return {
    child: join(folder, HERE, 'child.js'),
    awaits,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** All but tests, in one order everywhere, since points are numbered in it. */
const modulesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort()
    .map((file) => `${folder}/${file}`)

const isSwept = (file: string): boolean =>
  file.startsWith('src/') && SWEPT.some((pattern) => pattern.test(file.slice('src/'.length)))
