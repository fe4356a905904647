import type { IContainer, IPodSpec } from 'kubernetes-models/v1'
import type { IDeployment } from 'kubernetes-models/apps/v1'
import { VERSION } from '../../src/cli/package-info.ts'
import { ROLES } from '../../src/config/variables/service.ts'
import {
  isMillrace,
  matches,
  ofKind,
  titleOf,
  workloads,
  type Manifest,
  type Workload,
} from './kustomize-manifest.ts'

/** What is wrong with the output of an overlay, a line a mistake. */
export type Rule = (manifests: readonly Manifest[]) => string[]

/** What is wrong with something, as those words whose check fails. */
export const failed = (title: string, checks: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(checks)
    .filter(([, holds]) => !holds)
    .map(([wanted]) => `${title}: ${wanted}`)

const eachContainer = (
  manifests: readonly Manifest[],
  look: (title: string, container: IContainer, workload: Workload) => string[],
): string[] =>
  workloads(manifests).flatMap((workload) =>
    workload.containers.flatMap((container) =>
      look(`${workload.title} ${container.name}`, container, workload),
    ),
  )

/** No image changes under the feet of who runs it, and that of Millrace is of the version that the files are of. */
const pinnedImages: Rule = (manifests) =>
  eachContainer(manifests, (title, container) => {
    const { image = '' } = container
    const [, tag] = /:([^/:@]+)(@|$)/.exec(image) ?? []
    return failed(title, {
      [`the image ${image} has a version`]: tag !== undefined && /\d/.test(tag) && tag !== 'latest',
      [`the image ${image} is version ${VERSION}`]: !isMillrace(container) || tag === VERSION,
    })
  })

/** The restricted standard of pod security, and beyond it a root file system that nobody writes to. */
const hardened: Rule = (manifests) => [
  ...workloads(manifests).flatMap(({ title, pod }) => failed(title, podChecks(pod))),
  ...eachContainer(manifests, (title, { securityContext: context, resources }, { pod }) =>
    failed(title, {
      'no escalation': context?.allowPrivilegeEscalation === false,
      'not privileged': context?.privileged === false,
      'read-only root file system': context?.readOnlyRootFilesystem === true,
      'runs as no root': context?.runAsNonRoot === true && (context.runAsUser ?? 1) > 0,
      'drops all capabilities, adds none':
        context?.capabilities?.drop?.join() === 'ALL' && context.capabilities.add === undefined,
      'seccomp stays': context?.seccompProfile === undefined && pod.securityContext !== undefined,
      'requests and limits': ['cpu', 'memory'].every(
        (name) => resources?.requests?.[name] !== undefined && resources.limits?.[name] !== undefined,
      ),
    }),
  ),
]

const podChecks = (pod: IPodSpec): Record<string, boolean> => {
  const { securityContext: context, containers } = pod
  const user = context?.runAsUser ?? 0
  return {
    'no token of a service account': pod.automountServiceAccountToken === false,
    // A Service called redis sets REDIS_PORT to a URL otherwise.
    'no variables for Services': pod.enableServiceLinks === false,
    'runs as no root': context?.runAsNonRoot === true && user > 0,
    'runs as 65532': !containers.some(isMillrace) || user === 65_532,
    'has the seccomp profile of the runtime': context?.seccompProfile?.type === 'RuntimeDefault',
    'nothing of the host': !pod.hostNetwork && !pod.hostPID && !pod.hostIPC,
    'no folder of the host': (pod.volumes ?? []).every((volume) => !('hostPath' in volume)),
  }
}

const restrictedNamespaces: Rule = (manifests) =>
  [...new Set(workloads(manifests).map(({ namespace }) => namespace))].flatMap((name) => {
    const labels = ofKind(manifests, 'Namespace').find(({ metadata }) => metadata.name === name)?.metadata
      .labels
    return failed(`Namespace ${name}`, {
      'is there and enforces the restricted standard':
        labels?.['pod-security.kubernetes.io/enforce'] === 'restricted',
    })
  })

const mounts: Rule = (manifests) =>
  workloads(manifests).flatMap(({ title, manifest, pod, containers }) => {
    const claims = manifest.kind === 'StatefulSet' ? ofKind([manifest], 'StatefulSet')[0]!.spec : undefined
    const volumes = [
      ...(pod.volumes ?? []).map(({ name }) => name),
      ...(claims?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata!.name!),
    ]
    const used = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))
    return [
      ...used.filter((name) => !volumes.includes(name)).map((name) => `${title}: no volume ${name}`),
      ...volumes.filter((name) => !used.includes(name)).map((name) => `${title}: nobody mounts ${name}`),
    ]
  })

const PORTS = { api: 8000, worker: 8000, ingress: 5009, proxy: 5010, connector: 8000 }

/** A Deployment for each role, as the product says it is. */
const everyRole: Rule = (manifests) =>
  ROLES.flatMap((role) => {
    const running = ofKind(manifests, 'Deployment').filter(
      (deployment) => valueOf(deployment, 'ROLES') === role,
    )
    const [deployment] = running
    if (!deployment || running.length > 1) return [`${running.length} Deployments have the role ${role}`]
    return failed(titleOf(deployment), roleChecks(deployment, `${role}-service`, PORTS[role]))
  })

const valueOf = (deployment: IDeployment, name: string): string | undefined =>
  deployment.spec?.template.spec?.containers[0]?.env?.find((one) => one.name === name)?.value

function roleChecks(deployment: IDeployment & Manifest, name: string, port: number) {
  const { spec } = deployment
  const [container] = spec!.template.spec!.containers
  const rolling = spec!.strategy?.rollingUpdate
  return {
    [`is called ${name}`]:
      deployment.metadata.name === name && spec!.template.metadata?.labels?.['app'] === name,
    [`listens on ${port}`]:
      valueOf(deployment, 'SERVICE_PORT') === String(port) && container!.ports?.[0]?.containerPort === port,
    'asks for 512Mi and 500m, and gets 1Gi and 2 at most':
      sizes(container?.resources?.requests) === '500m 512Mi' &&
      sizes(container?.resources?.limits) === '2 1Gi',
    'spreads its own pods': [
      spec!.template.spec!.topologySpreadConstraints?.length === 2,
      ...(spec!.template.spec!.topologySpreadConstraints ?? []).map(({ labelSelector }) =>
        matches((labelSelector ?? {}) as object, { app: name }),
      ),
    ].every(Boolean),
    'starts new pods before it stops old ones': rolling?.maxUnavailable === 0 && rolling.maxSurge === 1,
    ...probeChecks(container!),
  }
}

const sizes = (of: Record<string, unknown> | undefined) => `${String(of?.['cpu'])} ${String(of?.['memory'])}`

function probeChecks({ startupProbe, livenessProbe, readinessProbe }: IContainer) {
  const asks = (probe: IContainer['livenessProbe'], path: string) =>
    probe?.httpGet?.path === path && probe.httpGet.port === 'http'
  return {
    'has a minute or more to start':
      asks(startupProbe, '/health/live') &&
      (startupProbe?.periodSeconds ?? 0) * (startupProbe?.failureThreshold ?? 0) >= 60,
    'is asked whether it lives after 10 s, every 30 s':
      asks(livenessProbe, '/health/live') &&
      livenessProbe?.initialDelaySeconds === 10 &&
      livenessProbe.periodSeconds === 30,
    'is asked whether it is ready after 5 s, every 10 s':
      asks(readinessProbe, '/health/ready') &&
      readinessProbe?.initialDelaySeconds === 5 &&
      readinessProbe.periodSeconds === 10,
  }
}

/** What changes the number of pods, or keeps some of them: each names one that is there, and no two pull at one. */
const scaling: Rule = (manifests) => {
  const deployments = new Set(ofKind(manifests, 'Deployment').map(({ metadata }) => metadata.name))
  const scalers = [
    ...ofKind(manifests, 'HorizontalPodAutoscaler').map(({ spec }) => spec!.scaleTargetRef.name),
    ...ofKind(manifests, 'ScaledObject').map(({ spec }) => spec!.scaleTargetRef!.name),
  ]
  return [
    ...scalers.filter((name) => !deployments.has(name)).map((name) => `no Deployment ${name} to scale`),
    ...ofKind(manifests, 'Deployment').flatMap(({ spec, metadata: { name } }) =>
      failed(`Deployment ${name}`, {
        'one thing sets the number of its pods':
          scalers.filter((one) => one === name).length + (spec!.replicas === undefined ? 0 : 1) === 1,
      }),
    ),
  ]
}

const disruptions: Rule = (manifests) =>
  ofKind(manifests, 'Deployment')
    .filter((deployment) => deployment.spec!.template.spec!.containers.some(isMillrace))
    .flatMap((deployment) => {
      const labels = deployment.spec!.template.metadata!.labels!
      const [budget, ...others] = ofKind(manifests, 'PodDisruptionBudget').filter(({ spec }) =>
        matches(spec!.selector as object, labels),
      )
      return failed(titleOf(deployment), {
        'one budget keeps its pods': budget !== undefined && others.length === 0,
        'its budget lets one go at a time': budget?.spec?.maxUnavailable === 1,
        'its budget keeps no pod that is not healthy':
          budget?.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow',
      })
    })

export const POD_RULES: Readonly<Record<string, Rule>> = {
  'every image has a version': pinnedImages,
  'every container is hardened': hardened,
  'every namespace is restricted': restrictedNamespaces,
  'every mount has its volume': mounts,
  'every role has its Deployment': everyRole,
  'what scales scales something, alone': scaling,
  'every role has its disruption budget': disruptions,
}
