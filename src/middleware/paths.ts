import { InvalidError, type Issue } from '../core/errors.ts'

/** Paths into data as a tree: what many of them share is walked once. */
export interface PathTree {
  /** Whether a path ends here. */
  ends: boolean
  readonly members: Map<string, PathTree>
  /** What `*` leads to: every member of an object, every item of an array. */
  every: PathTree | undefined
}

/** Deeper paths say that something is wrong, and each level is a call. */
const MAX_DEPTH = 100

/**
 * Reads paths such as `user.email`, `items.0.card` and `items.*.card`.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every path that leads nowhere
 */
export function parsePaths(paths: readonly string[]): PathTree {
  const issues: Issue[] = []
  const root = newTree()
  if (!Array.isArray(paths) || paths.length === 0)
    issues.push({ path: 'paths', message: 'at least one is needed' })
  else
    for (const path of paths) {
      const names = typeof path === 'string' ? path.split('.') : ['']
      if (names.includes('') || names.length > MAX_DEPTH)
        issues.push({
          path: 'paths',
          message: `${JSON.stringify(path)} is no path such as "user.email" or "items.*.card"`,
        })
      else add(root, names)
    }
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'the paths lead nowhere', issues)
  return root
}

const newTree = (): PathTree => ({ ends: false, members: new Map(), every: undefined })

function add(root: PathTree, names: readonly string[]): void {
  let tree = root
  for (const name of names) {
    const next = (name === '*' ? tree.every : tree.members.get(name)) ?? newTree()
    if (name === '*') tree.every = next
    else tree.members.set(name, next)
    tree = next
  }
  tree.ends = true
}

/** What takes the place of a value; `path` leads to it. */
export type Replace = (value: unknown, path: readonly string[]) => unknown

/**
 * The data with what stands at the paths replaced; whatever is not touched is shared with the original, which stays
 * as it is. Looks at own members alone, and at each once, however many paths lead there.
 */
export const replaceAt = (data: unknown, tree: PathTree, replace: Replace): unknown =>
  walk(data, [tree], replace, [])

function walk(
  value: unknown,
  trees: readonly PathTree[],
  replace: Replace,
  path: readonly string[],
): unknown {
  if (trees.length === 0) return value
  if (trees.some(({ ends }) => ends)) return replace(value, path)
  if (typeof value !== 'object' || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  // It is what this answers that is written, under whatever names; it is asked once, as JSON does.
  const shown: unknown = typeof toJSON === 'function' ? toJSON.call(value, path.at(-1) ?? '') : value
  return typeof shown === 'object' && shown !== null ? walkMembers(shown, trees, replace, path) : shown
}

function walkMembers(
  value: object,
  trees: readonly PathTree[],
  replace: Replace,
  path: readonly string[],
): unknown {
  const child = (name: string, member: unknown) => walk(member, below(trees, name), replace, [...path, name])
  if (Array.isArray(value)) return value.map((item, index) => child(String(index), item))
  // Not by assignment: a member named `__proto__` stays a member. Nor does the copy convert itself once more.
  const members = Object.entries(value).filter(
    ([name, member]) => name !== 'toJSON' || typeof member !== 'function',
  )
  return Object.fromEntries(members.map(([name, member]) => [name, child(name, member)]))
}

const below = (trees: readonly PathTree[], name: string): PathTree[] =>
  trees.flatMap(({ members, every }) => [members.get(name), every].filter((tree) => tree !== undefined))
