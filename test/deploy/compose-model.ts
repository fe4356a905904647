import { Ajv } from 'ajv'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseDocument, type ScalarTag, type Tags } from 'yaml'

const require = createRequire(import.meta.url)

export const ROOT = join(import.meta.dirname, '../..')

/** A Compose file, or several merged, as far as our tests look at it. */
export interface Compose {
  services: Record<string, ComposeService>
  volumes: Record<string, unknown>
  secrets?: Record<string, { file: string }>
}

export interface ComposeService {
  image: string
  build?: { context: string; dockerfile: string }
  user?: string
  environment?: Record<string, string | number>
  ports?: string[]
  volumes?: string[]
  tmpfs?: string[]
  secrets?: string[]
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  restart?: string
  stop_grace_period?: string
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[] }
  command?: string[]
  deploy?: { replicas?: number; resources?: { limits?: { cpus?: string; memory?: string } } }
}

type Tree = Record<string, unknown>

const RESET = Symbol('!reset')
const reset = { tag: '!reset', resolve: () => RESET }
const TAGS = [reset as unknown as ScalarTag, { ...reset, collection: 'seq' } as never] as Tags

/** Files, each lying over those before it, as `docker compose --file A --file B config` would put them together. */
export function loadCompose(files: readonly string[], env: Readonly<Record<string, string>> = {}): Compose {
  const merged = files.map((file) => readYaml(file)).reduce(merge)
  return interpolate(withoutResets(merged), env) as Compose
}

export function readYaml(file: string): Tree {
  const document = parseDocument(readFileSync(join(ROOT, file), 'utf8'), {
    merge: true,
    customTags: (tags) => [...tags, ...TAGS],
  })
  if (document.errors.length > 0) throw document.errors[0]
  return document.toJS() as Tree
}

/** These are taken as a whole; other lists are put together. */
const REPLACED = new Set(['command', 'entrypoint', 'test'])

function merge(below: Tree, above: Tree): Tree {
  const merged = { ...below }
  for (const [key, value] of Object.entries(above)) merged[key] = mergeValue(key, below[key], value)
  return merged
}

function mergeValue(key: string, below: unknown, above: unknown): unknown {
  if (Array.isArray(below) && Array.isArray(above) && !REPLACED.has(key))
    return [...new Set([...below, ...above])]
  return isTree(below) && isTree(above) ? merge(below, above) : above
}

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function withoutResets(tree: Tree): Tree {
  const kept = Object.entries(tree).filter(([, value]) => value !== RESET)
  return Object.fromEntries(kept.map(([key, value]) => [key, isTree(value) ? withoutResets(value) : value]))
}

function interpolate(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return fill(value, env)
  if (Array.isArray(value)) return value.map((item) => interpolate(item, env))
  if (!isTree(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, interpolate(inner, env)]))
}

const fill = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$\{?[^}]*\}?/g, (all) => {
    const [, name = '', way, rest = ''] = /^\$\{(\w+)(?:(:-|:\?)([^}]*))?\}$/.exec(all) ?? []
    if (!name || !way) throw new Error(`${all}: say what holds where the variable is not set, by :- or :?`)
    if (env[name]) return env[name]
    if (way === ':?') throw new Error(`${name} is not set: ${rest}`)
    return rest
  })

/** The schema of the Compose specification, from a package that carries it; answers what is wrong. */
export function composeMistakes(compose: unknown): string[] {
  const { $schema: _, ...schema } = readSchema()
  const ajv = new Ajv({ strict: false, allErrors: true })
  const validate = ajv.compile(schema)
  validate(compose)
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(' '),
  )
}

function readSchema(): Tree {
  const home = dirname(require.resolve('dclint/package.json'))
  return JSON.parse(readFileSync(join(home, 'schemas/compose.schema.json'), 'utf8')) as Tree
}
