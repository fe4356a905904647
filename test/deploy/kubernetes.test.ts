import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import app from '../../examples/app.ts'
import { EXISTING } from '../support/kustomize-config-rules.ts'
import { kustomize, readYaml } from '../support/kustomize.ts'
import { inOrder } from '../support/kustomize-merge.ts'
import { isMillrace, ofKind, titleOf, workloads, type Manifest } from '../support/kustomize-manifest.ts'
import { leadsTo } from '../support/kustomize-network-rules.ts'
import { schemaMistakes } from '../support/kustomize-schemas.ts'

const FOLDER = join(import.meta.dirname, '../../deploy/kubernetes')
const PLACES = ['base', 'overlays/development', 'overlays/production', 'overlays/keda']

/** It is asked for nothing but to put files together, so it is shown no cluster. */
const kubectl = async (...args: string[]): Promise<string> => {
  const options = { env: { PATH: process.env['PATH'], KUBECONFIG: '/dev/null' }, maxBuffer: 2 ** 24 }
  return (await promisify(execFile)('kubectl', args, options)).stdout
}

/** Kustomize 5 came with kubectl 1.27. */
const hasKubectl = await kubectl('version', '--client').then(
  (out) => /Kustomize Version: v([5-9]|\d\d)/.test(out),
  () => false,
)

const byTitle = (manifests: readonly Manifest[]) =>
  Object.fromEntries(manifests.map((manifest) => [titleOf(manifest), inOrder(manifest)]))

describe.each(PLACES)('%s', (place) => {
  const manifests = kustomize(join(FOLDER, place))

  it.skipIf(!hasKubectl)('is what `kubectl kustomize` (1.27 or newer) makes of it', async () => {
    const built = parseAllDocuments(await kubectl('kustomize', join(FOLDER, place)))
    expect(byTitle(built.map((document) => document.toJS() as Manifest))).toEqual(byTitle(manifests))
  })

  it.each(manifests.map((manifest) => [titleOf(manifest), manifest] as const))(
    '%s fits its schema',
    (_, manifest) => {
      expect(schemaMistakes(manifest)).toEqual([])
    },
  )

  it('can be applied: kubectl keeps what was applied in an annotation, of at most 256 KiB', () => {
    const tooLarge = manifests.filter((manifest) => annotationBytes(manifest) > 0.95 * 2 ** 18)
    expect(tooLarge.map(titleOf)).toEqual([])
  })
})

/** Of JSON as kubectl writes it. */
const annotationBytes = (manifest: Manifest): number =>
  Buffer.byteLength(JSON.stringify(manifest).replaceAll(/[<>&]/g, String.raw`\u003c`))

it('gives the Prometheus of development the rules, too', () => {
  const manifests = kustomize(join(FOLDER, 'overlays/development'))
  const rules = ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === 'prometheus-rules')
  const prometheus = workloads(manifests).find(({ labels }) => labels['app'] === 'prometheus-service')
  const { volumeMounts = [] } = prometheus!.containers[0]!
  const config = ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === 'prometheus-config')
  expect(rules?.data?.['millrace.yml']).toContain('alert: MillraceGroupStuck')
  expect(volumeMounts.find(({ name }) => name === 'rules')?.mountPath).toBe('/etc/millrace-rules')
  expect(config?.data?.['prometheus.yml']).toContain('- /etc/millrace-rules/*.yml\n')
})

it('gives the Prometheus operator the rules that promtool was shown', () => {
  const [rules] = readYaml(join(FOLDER, '../monitoring/rules/millrace.yml'))
  const production = kustomize(join(FOLDER, 'overlays/production'))
  expect(production.find(({ kind }) => kind === 'PrometheusRule')?.['spec']).toEqual(rules)
})

it('tells how the Secrets are made that are not in the files', () => {
  const guide = readFileSync(join(FOLDER, '../../docs/deployment/kubernetes.md'), 'utf8').replaceAll(
    '\\\n',
    '',
  )
  const made = [...guide.matchAll(/create secret generic (\S+)(.*)/g)].map(([, name, keys]) => [
    name,
    [...keys!.matchAll(/--from-file=(\w+)/g)].map(([, key]) => key),
  ])
  const wanted = Object.entries(EXISTING).map(([name, content]) => [name, Object.keys(content)])
  expect(made).toEqual(wanted)
})

it('develops on the servers that compose runs', () => {
  const compose = readFileSync(join(FOLDER, '../../docker-compose.yml'), 'utf8')
  const containers = workloads(kustomize(join(FOLDER, 'overlays/development'))).flatMap(
    (one) => one.containers,
  )
  const servers = containers.filter((container) => !isMillrace(container)).map(({ image }) => image)
  expect(servers).toHaveLength(4)
  expect(servers.filter((image) => !compose.includes(`image: ${image}\n`))).toEqual([])
})

it('leads to every route of the app from outside', () => {
  const [ingress] = ofKind(kustomize(join(FOLDER, 'base')), 'Ingress')
  const paths = ingress!.spec!.rules!.flatMap(({ http }) => http!.paths)
  const isReached = (route: string) => paths.some(({ path, pathType }) => leadsTo(path!, pathType, route))
  expect(app.routes.map(({ path }) => path).filter((path) => !isReached(path))).toEqual([])
})
