type Fields = Record<string, unknown>

/** Lists whose items are told apart by a field; all others are replaced as a whole. */
const KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  env: 'name',
  initContainers: 'name',
  ports: 'containerPort',
  topologySpreadConstraints: 'topologyKey',
  volumeMounts: 'mountPath',
  volumes: 'name',
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A strategic merge patch, as kustomize applies it: null takes a field away. */
export function merge(target: Fields, patch: Fields): Fields {
  const merged = { ...target }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) throw new Error(`${name} is not understood inside of a patch`)
    if (value === null) delete merged[name]
    else merged[name] = mergeValue(name, target[name], value)
  }
  return merged
}

function mergeValue(name: string, target: unknown, patch: unknown): unknown {
  if (isFields(patch)) return merge(isFields(target) ? target : {}, patch)
  const key = KEYS[name]
  if (!Array.isArray(patch) || !Array.isArray(target) || key === undefined) return patch
  return mergeItems(key, target as Fields[], patch as Fields[])
}

function mergeItems(key: string, target: readonly Fields[], patch: readonly Fields[]): Fields[] {
  const patched = new Map(patch.map((item) => [item[key], item]))
  if (patched.has(undefined)) throw new Error(`an item of a patch has no ${key}`)
  const kept = target.map((item) => merge(item, patched.get(item[key]) ?? {}))
  return [...patch.filter((item) => !target.some((one) => one[key] === item[key])), ...kept]
}

/** The same with the lists whose order says nothing in one order. */
export function inOrder(value: unknown, name = ''): unknown {
  if (isFields(value))
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inOrder(one, key)]))
  if (!Array.isArray(value)) return value
  const items = value.map((item) => inOrder(item))
  const key = KEYS[name]
  if (key === undefined) return items
  const place = (item: unknown) => String((item as Fields)[key])
  return items.toSorted((a, b) => place(a).localeCompare(place(b)))
}
