import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kustomize } from '../support/kustomize.ts'
import { CONFIG_RULES } from '../support/kustomize-config-rules.ts'
import { titleOf, type Manifest } from '../support/kustomize-manifest.ts'
import { NETWORK_RULES } from '../support/kustomize-network-rules.ts'
import { POD_RULES, type Rule } from '../support/kustomize-pod-rules.ts'
import { schemaMistakes } from '../support/kustomize-schemas.ts'
import { KEDA_MUTATIONS, MUTATIONS } from './kubernetes-mutations.ts'

const FOLDER = join(import.meta.dirname, '../../deploy/kubernetes/overlays')
const SCHEMAS: Rule = (manifests) => manifests.flatMap(schemaMistakes)
const RULES = { ...POD_RULES, ...NETWORK_RULES, ...CONFIG_RULES }

describe.each(['development', 'production', 'keda'])('%s', (overlay) => {
  const manifests = kustomize(join(FOLDER, overlay))

  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(manifests)).toEqual([])
  })
})

function change(manifests: readonly Manifest[], title: string, path: string, value: unknown): void {
  const names = path.split('.')
  const last = names.pop()!
  let place: Record<string, unknown> = manifests.find((one) => titleOf(one) === title)!
  for (const name of names) place = place[name] as Record<string, unknown>
  if (Array.isArray(place) && value === undefined) place.splice(Number(last), 1)
  else if (value === undefined) delete place[last]
  else place[last] = value
}

describe.each([
  ['production', MUTATIONS],
  ['keda', KEDA_MUTATIONS],
] as const)('a broken copy of %s', (overlay, mutations) => {
  it.each(mutations)('breaks the rule «%s»: %s %s = %j', (name, title, path, value, told) => {
    const manifests = kustomize(join(FOLDER, overlay))
    const rule = name === 'schema' ? SCHEMAS : RULES[name]!
    expect(rule(manifests)).toEqual([])
    change(manifests, title, path, value)
    expect(rule(manifests).join('\n')).toContain(told)
  })
})

it('has a broken copy for every rule', () => {
  const broken = new Set([...MUTATIONS, ...KEDA_MUTATIONS].map(([rule]) => rule))
  expect(Object.keys(RULES).filter((rule) => !broken.has(rule))).toEqual([])
})
