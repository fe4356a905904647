import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { kustomize } from '../support/kustomize.ts'

const HEAD = 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'
const MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: b\n'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function build(kustomization: string, patch = '{}') {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-kustomize-'))
  folders.push(folder)
  writeFileSync(join(folder, 'kustomization.yaml'), HEAD + kustomization)
  writeFileSync(join(folder, 'one.yaml'), MAP)
  writeFileSync(join(folder, 'patch.yaml'), patch)
  return kustomize(folder)
}

const PATCHED = 'resources: [one.yaml]\npatches: [{ path: patch.yaml }]'

it('merges, takes away, and adds', () => {
  const [one] = build(PATCHED, MAP.replace('  a: b', '  a: null\n  c: d'))
  expect(one).toMatchObject({ metadata: { name: 'one' }, data: { c: 'd' } })
  expect(one!['data']).not.toHaveProperty('a')
  expect(build(PATCHED, `$patch: delete\n${MAP}`)).toEqual([])
})

it.each([
  ['a word that it does not know', 'resources: [one.yaml]\nnamePrefix: x', '{}', /namePrefix/],
  [
    'a name that changes with the content',
    'resources: []\nconfigMapGenerator: [{ name: x, files: [] }]',
    '{}',
    /options/,
  ],
  ['a file that is not there', 'resources: [two.yaml]', '{}', /two\.yaml/],
  ['the same thing twice', 'resources: [one.yaml, one.yaml]', '{}', /ConfigMap one is there twice/],
  ['a patch of nothing', PATCHED, MAP.replace('one', 'two'), /patches nothing/],
  ['a directive inside of a patch', PATCHED, `${MAP}  $patch: replace\n`, /\$patch is not understood/],
  ['broken YAML', 'resources: [', '{}', /kustomization\.yaml/],
])('refuses %s', (_, kustomization, patch, told) => {
  expect(() => build(kustomization, patch)).toThrow(told)
})
