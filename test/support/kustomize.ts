import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { titleOf, workloads, type Labels, type Manifest } from './kustomize-manifest.ts'
import { merge } from './kustomize-merge.ts'

/*
 * As much of kustomize as deploy/kubernetes uses, so that our rules are held to what reaches a cluster also where there is
 * no kubectl; where there is one, a test holds both to be equal. What is not understood is refused.
 */

const Target = z.strictObject({ kind: z.string(), namespace: z.string().optional() })
const Image = z.strictObject({ name: z.string(), newName: z.string().optional(), newTag: z.string() })
const Labelled = z.record(z.string(), z.string())
const Generator = z.strictObject({
  name: z.string(),
  files: z.array(z.string()),
  options: z.strictObject({ disableNameSuffixHash: z.literal(true), labels: Labelled.optional() }),
})
const Kustomization = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  labels: z.array(z.strictObject({ pairs: Labelled, includeTemplates: z.literal(true) })).default([]),
  configMapGenerator: z.array(Generator).default([]),
  patches: z.array(z.strictObject({ path: z.string(), target: Target.optional() })).default([]),
  images: z.array(Image).default([]),
})

type Kustomization = z.output<typeof Kustomization>
type Patch = Kustomization['patches'][number]

/**
 * What `kubectl kustomize` makes of a folder; the order is that of the files.
 *
 * @throws Error for what is wrong, or not understood
 */
export function kustomize(folder: string): Manifest[] {
  const [parsed, ...others] = readYaml(join(folder, 'kustomization.yaml'))
  if (others.length > 0) throw new Error(`${folder} has several kustomizations`)
  const { resources, configMapGenerator, namespace, labels, patches, images } = Kustomization.parse(parsed)
  let manifests = [
    ...resources.flatMap((name) => readResource(join(folder, name))),
    ...configMapGenerator.map((generator) => generate(generator, folder)),
  ]
  for (const patch of patches) manifests = applyPatch(manifests, patch, folder)
  if (namespace !== undefined) manifests.forEach((manifest) => setNamespace(manifest, namespace))
  for (const { pairs } of labels) addLabels(manifests, pairs)
  for (const image of images) setImage(manifests, image)
  return unique(manifests)
}

export const readYaml = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]!.message}`)
    return document.toJS() as unknown
  })

const readResource = (path: string): Manifest[] =>
  statSync(path).isDirectory() ? kustomize(path) : (readYaml(path) as Manifest[])

const generate = ({ name, files, options }: z.output<typeof Generator>, folder: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(options.labels && { labels: options.labels }) },
  data: Object.fromEntries(
    files.map((file) => [basename(file), readFileSync(join(folder, file), 'utf8')] as const),
  ),
})

function unique(manifests: Manifest[]): Manifest[] {
  const titles = manifests.map(titleOf)
  const twice = titles.find((title, at) => titles.indexOf(title) !== at)
  if (twice !== undefined) throw new Error(`${twice} is there twice`)
  return manifests
}

function applyPatch(manifests: readonly Manifest[], { path, target }: Patch, folder: string): Manifest[] {
  const [document] = readYaml(join(folder, path)) as (Manifest & { $patch?: 'delete' })[]
  const { $patch, ...patch } = document!
  const isMeant = (one: Manifest) =>
    target
      ? one.kind === target.kind && [undefined, one.metadata.namespace].includes(target.namespace)
      : titleOf(one) === titleOf(patch)
  if (!manifests.some(isMeant)) throw new Error(`${path} patches nothing`)
  if ($patch === 'delete') return manifests.filter((one) => !isMeant(one))
  return manifests.map((one) => (isMeant(one) ? patched(one, patch) : one))
}

/** What it is called stays, whatever the patch calls it. */
const patched = (manifest: Manifest, patch: Manifest): Manifest => ({
  ...(merge(manifest, patch) as Manifest),
  metadata: {
    ...(merge(manifest.metadata, patch.metadata) as Manifest['metadata']),
    name: manifest.metadata.name,
  },
})

function setNamespace({ kind, metadata }: Manifest, namespace: string): void {
  if (kind === 'Namespace') metadata.name = namespace
  else metadata.namespace = namespace
}

function addLabels(manifests: readonly Manifest[], pairs: Labels): void {
  for (const { metadata } of manifests) metadata.labels = { ...metadata.labels, ...pairs }
  for (const { manifest } of workloads(manifests)) {
    const { template } = manifest['spec'] as { template: Pick<Manifest, 'metadata'> }
    template.metadata = { ...template.metadata, labels: { ...template.metadata.labels, ...pairs } }
  }
}

function setImage(manifests: readonly Manifest[], { name, newName, newTag }: z.output<typeof Image>): void {
  for (const container of workloads(manifests).flatMap(({ containers }) => containers)) {
    const [, current] = /^(.*?)(?::[^/:]*)?$/.exec(container.image ?? '')!
    if (current === name) container.image = `${newName ?? name}:${newTag}`
  }
}
