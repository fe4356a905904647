import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1'
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import type { IJob } from 'kubernetes-models/batch/v1'
import type { IIngress, INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1'
import type { IConfigMap, IContainer, INamespace, IPodSpec, ISecret, IService } from 'kubernetes-models/v1'
import type { IScaledObject, ITriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import type { IServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'

/** What is sent to a cluster, as far as all kinds are alike. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Labels; annotations?: Labels }
  [part: string]: unknown
}

export type Labels = Record<string, string>

interface Kinds {
  ConfigMap: IConfigMap
  Deployment: IDeployment
  HorizontalPodAutoscaler: IHorizontalPodAutoscaler
  Ingress: IIngress
  Job: IJob
  Namespace: INamespace
  NetworkPolicy: INetworkPolicy
  PodDisruptionBudget: IPodDisruptionBudget
  ScaledObject: IScaledObject
  Secret: ISecret
  Service: IService
  ServiceMonitor: IServiceMonitor
  StatefulSet: IStatefulSet
  TriggerAuthentication: ITriggerAuthentication
}

export const ofKind = <K extends keyof Kinds>(
  manifests: readonly Manifest[],
  kind: K,
): (Kinds[K] & Manifest)[] => manifests.filter((one) => one.kind === kind) as (Kinds[K] & Manifest)[]

/** `Deployment redis-stream-demo/api-service`: no two have the same. */
export const titleOf = ({ kind, metadata: { namespace, name } }: Manifest): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`

/** Something that makes pods, and what they are. */
export interface Workload {
  title: string
  manifest: Manifest
  namespace: string
  labels: Labels
  pod: IPodSpec
  containers: readonly IContainer[]
}

export function workloads(manifests: readonly Manifest[]): Workload[] {
  const makers = (['Deployment', 'StatefulSet', 'Job'] as const).flatMap((kind) => ofKind(manifests, kind))
  return makers.map((manifest) => {
    const { template } = manifest.spec!
    const pod = template!.spec!
    return {
      title: titleOf(manifest),
      manifest,
      namespace: manifest.metadata.namespace ?? 'default',
      labels: (template!.metadata?.labels ?? {}) as Labels,
      pod,
      containers: [...(pod.initContainers ?? []), ...pod.containers],
    }
  })
}

interface Selector {
  matchLabels?: Labels | undefined
  matchExpressions?: { key: string; operator: string; values?: string[] | undefined }[] | undefined
}

/** @throws Error for an operator that nobody here has used so far */
export function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  const expressions = matchExpressions.every(({ key, operator, values = [] }) => {
    if (operator !== 'In') throw new Error(`selectors with ${operator} are not understood`)
    return values.includes(labels[key]!)
  })
  return expressions && Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
}

/** Those of Millrace, whose image is named after it. */
export const isMillrace = ({ image = '' }: IContainer): boolean => /(^|\/)millrace(:|@|$)/.test(image)
