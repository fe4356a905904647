import * as apps from 'kubernetes-models/apps/v1'
import * as autoscaling from 'kubernetes-models/autoscaling/v2'
import * as batch from 'kubernetes-models/batch/v1'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as policy from 'kubernetes-models/policy/v1'
import * as core from 'kubernetes-models/v1'
import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1'
import * as monitoring from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import { titleOf, type Manifest } from './kustomize-manifest.ts'

interface Model {
  prototype: { validate(this: object): void }
}

/** The schemas of Kubernetes, of KEDA, and of the Prometheus operator. */
const SCHEMAS: Readonly<Record<string, object>> = {
  v1: core,
  'apps/v1': apps,
  'autoscaling/v2': autoscaling,
  'batch/v1': batch,
  'networking.k8s.io/v1': networking,
  'policy/v1': policy,
  'keda.sh/v1alpha1': keda,
  'monitoring.coreos.com/v1': monitoring,
}

/** What of a manifest does not fit its schema, fields that there are not included. */
export function schemaMistakes(manifest: Manifest): string[] {
  const model = (SCHEMAS[manifest.apiVersion] as Record<string, Model> | undefined)?.[manifest.kind]
  if (!model) return [`${titleOf(manifest)}: there is no schema of ${manifest.apiVersion} ${manifest.kind}`]
  const unread = new Set<string>()
  try {
    model.prototype.validate.call(watched(manifest, '', unread))
  } catch (error) {
    return [`${titleOf(manifest)}: ${(error as Error).message}`]
  }
  return [...unread].map((path) => `${titleOf(manifest)}: ${path} is no field`)
}

/**
 * The schemas are compiled, and let unknown fields pass. A validator reads each field that it knows, so what it did not read
 * is unknown.
 *
 * @param unread is given each path, and loses those that are read
 */
function watched(value: object, path: string, unread: Set<string>): object {
  const known = new Map<PropertyKey, unknown>()
  for (const [name, part] of Object.entries(value)) {
    const place = `${path}/${name}`
    known.set(name, typeof part === 'object' && part !== null ? watched(part, place, unread) : part)
    if (!Array.isArray(value)) unread.add(place)
  }
  return new Proxy(value, {
    get: (target, name) => {
      unread.delete(`${path}/${String(name)}`)
      return known.has(name) ? known.get(name) : Reflect.get(target, name)
    },
  })
}
