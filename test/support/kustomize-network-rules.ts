import type { IContainer } from 'kubernetes-models/v1'
import {
  isMillrace,
  matches,
  ofKind,
  titleOf,
  workloads,
  type Labels,
  type Manifest,
  type Workload,
} from './kustomize-manifest.ts'
import { failed, type Rule } from './kustomize-pod-rules.ts'

/** What others have put into the cluster. */
const FOREIGN = new Set(['kube-system', 'ingress-nginx', 'monitoring'])
/** Server-sent events show in this time that they are alive, in seconds. */
const HEARTBEAT_S = 15

type Selector = Parameters<typeof matches>[0]
type Port = number | string

const selected = (manifests: readonly Manifest[], namespace: string | undefined, selector: object) =>
  workloads(manifests).filter(
    (workload) => workload.namespace === namespace && matches(selector as Selector, workload.labels),
  )

const hasPort = ({ containers }: Workload, port: Port): boolean =>
  containers.some(({ ports = [] }) =>
    ports.some(({ name, containerPort }) => name === port || containerPort === port),
  )

const listens = ({ containers }: Workload): boolean => containers.some(({ ports = [] }) => ports.length > 0)

const ownSelectors: Rule = (manifests) =>
  workloads(manifests)
    .filter(({ manifest }) => manifest.kind !== 'Job')
    .flatMap(({ title, manifest, labels }) => {
      const { selector } = manifest['spec'] as { selector: Selector }
      return failed(title, { 'selects its own pods': matches(selector, labels) })
    })

const services: Rule = (manifests) =>
  ofKind(manifests, 'Service').flatMap((service) => {
    const { selector = {}, ports = [] } = service.spec!
    const pods = selected(manifests, service.metadata.namespace, { matchLabels: selector as Labels })
    return failed(titleOf(service), {
      'stands for one kind of pods': pods.length === 1,
      ...Object.fromEntries(
        ports.map(({ port, targetPort = port }) => [
          `its pods listen on ${targetPort}`,
          pods.every((pod) => hasPort(pod, targetPort)),
        ]),
      ),
    })
  })

const probes: Rule = (manifests) =>
  workloads(manifests).flatMap((workload) =>
    workload.containers.flatMap(({ startupProbe, livenessProbe, readinessProbe }: IContainer) =>
      [startupProbe, livenessProbe, readinessProbe].flatMap((probe) => {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port
        if (port === undefined || hasPort(workload, port)) return []
        return [`${workload.title}: a probe asks ${port}, where nobody listens`]
      }),
    ),
  )

/** What is for Prometheus and for probes is not for everybody. */
const ingress: Rule = (manifests) =>
  ofKind(manifests, 'Ingress').flatMap((one) => {
    const { spec, metadata } = one
    const paths = (spec!.rules ?? []).flatMap(({ http }) => http?.paths ?? [])
    const found = paths.map(({ backend }) =>
      ofKind(manifests, 'Service').some(
        (service) =>
          service.metadata.namespace === metadata.namespace &&
          service.metadata.name === backend.service?.name &&
          service.spec!.ports!.some(({ name }) => name === backend.service?.port?.name),
      ),
    )
    const timeout = (of: string) =>
      Number(metadata.annotations?.[`nginx.ingress.kubernetes.io/proxy-${of}-timeout`])
    return failed(titleOf(one), {
      'is for the host redis-stream-demo.local':
        spec!.rules?.map(({ host }) => host).join() === 'redis-stream-demo.local',
      'leads to Services that are there': found.every(Boolean),
      'leads to the API and to the ingress role':
        new Set(paths.map(({ backend }) => backend.service?.name)).size === 2,
      'keeps /metrics inside': !paths.some(({ path, pathType }) => leadsTo(path!, pathType, '/metrics')),
      'waits for server-sent events': timeout('read') > 4 * HEARTBEAT_S && timeout('send') > 4 * HEARTBEAT_S,
      'holds no events back': metadata.annotations?.['nginx.ingress.kubernetes.io/proxy-buffering'] === 'off',
    })
  })

/** Whether a path of an Ingress takes a request for another. */
export const leadsTo = (path: string, pathType: string, asked: string): boolean =>
  path === asked || (pathType !== 'Exact' && (path === '/' || asked.startsWith(`${path}/`)))

interface Peer {
  namespaceSelector?: { matchLabels?: Labels }
  podSelector?: Selector
  ipBlock?: object
}

interface Policy {
  podSelector: Selector
  policyTypes: string[]
  ingress?: { from?: Peer[]; ports?: { port: Port }[] }[]
  egress?: { to?: Peer[]; ports?: { port: Port }[] }[]
}

const policyOf = (manifest: Manifest): Policy => manifest['spec'] as Policy

const denied: Rule = (manifests) =>
  [...new Set(workloads(manifests).map(({ namespace }) => namespace))].flatMap((namespace) => {
    const denies = ofKind(manifests, 'NetworkPolicy').some((one) => {
      const { podSelector, policyTypes, ...allowed } = policyOf(one)
      const isForAll = Object.keys(podSelector).length === 0 && policyTypes.length === 2
      return one.metadata.namespace === namespace && isForAll && Object.keys(allowed).length === 0
    })
    return failed(`Namespace ${namespace}`, { 'lets nothing in or out that no policy names': denies })
  })

/** Who is on the other side; undefined for what these files know nothing of. */
function others(manifests: readonly Manifest[], own: string, peer: Peer): Workload[] | undefined {
  const named = peer.namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name']
  if (peer.ipBlock || (peer.namespaceSelector && named === undefined)) return undefined
  const namespace = named ?? own
  const isOurs = ofKind(manifests, 'Namespace').some(({ metadata }) => metadata.name === namespace)
  if (!isOurs && FOREIGN.has(namespace)) return undefined
  return selected(manifests, namespace, peer.podSelector ?? {})
}

const policies: Rule = (manifests) =>
  ofKind(manifests, 'NetworkPolicy').flatMap((manifest) => {
    const { podSelector, ingress: incoming = [], egress = [] } = policyOf(manifest)
    const own = manifest.metadata.namespace!
    const pods = selected(manifests, own, podSelector)
    const title = titleOf(manifest)
    const anybody = [...incoming, ...egress].every(
      (rule) => ('from' in rule || 'to' in rule) && (rule.ports ?? []).length > 0,
    )
    return [
      ...failed(title, { 'is about pods that are there': pods.length > 0, 'names who and where': anybody }),
      ...incoming.flatMap(({ from = [], ports = [] }) => [
        ...missing(
          title,
          from.map((peer) => others(manifests, own, peer)),
        ),
        ...closed(title, pods, ports),
      ]),
      ...egress.flatMap(({ to = [], ports = [] }) => {
        const peers = to.map((peer) => others(manifests, own, peer))
        return [...missing(title, peers), ...peers.flatMap((found) => closed(title, found ?? [], ports))]
      }),
    ]
  })

const missing = (title: string, peers: readonly (Workload[] | undefined)[]): string[] =>
  peers.some((found) => found?.length === 0) ? [`${title}: names pods that are not there`] : []

const closed = (title: string, pods: readonly Workload[], ports: readonly { port: Port }[]): string[] =>
  ports
    .filter(({ port }) => !pods.filter(listens).every((pod) => hasPort(pod, port)))
    .map(({ port }) => `${title}: nobody listens on ${port}`)

/** Whoever may connect to Redis and PostgreSQL is who has to. */
const servers: Rule = (manifests) =>
  workloads(manifests)
    .filter(({ containers }) => containers.some(isMillrace))
    .flatMap(({ title, namespace, labels, containers }) => {
      const reached = ofKind(manifests, 'NetworkPolicy')
        .filter((one) => one.metadata.namespace === namespace && matches(policyOf(one).podSelector, labels))
        .flatMap((one) => policyOf(one).egress ?? [])
        .flatMap((rule) => rule.ports?.map(({ port }) => port) ?? [])
      const ports = new Set(reached)
      const role = containers[0]!.env?.find(({ name }) => name === 'ROLES')?.value ?? ''
      return failed(title, {
        'reaches DNS': ports.has(53),
        'reaches Redis': ports.has(6379),
        'reaches PostgreSQL where it uses it, else not': ports.has(5432) === ['api', 'worker'].includes(role),
      })
    })

/** By the operator's monitor, or by the list of a Prometheus of ours: all roles are scraped where they listen. */
const scraped: Rule = (manifests) => {
  const own = ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === 'prometheus-config')
  const [monitor] = ofKind(manifests, 'ServiceMonitor')
  const { matchLabels = {} } = (monitor?.spec?.selector ?? {}) as { matchLabels?: Labels }
  return ofKind(manifests, 'Service')
    .filter(({ metadata }) => metadata.namespace === 'redis-stream-demo')
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === 'millrace')
    .flatMap(({ metadata, spec }) => {
      const target = `- ${metadata.name}.${metadata.namespace}:${spec!.ports![0]!.port}\n`
      const isSelected = monitor !== undefined && matches({ matchLabels }, metadata.labels ?? {})
      const [endpoint] = monitor?.spec?.endpoints ?? []
      return failed(`Service ${metadata.name}`, {
        'is scraped': isSelected || own?.data?.['prometheus.yml']?.includes(target) === true,
        'is scraped at a port that it has':
          !isSelected ||
          (endpoint?.path === '/metrics' && spec!.ports!.some(({ name }) => name === endpoint.port)),
      })
    })
}

export const NETWORK_RULES: Readonly<Record<string, Rule>> = {
  'every workload selects its own pods': ownSelectors,
  'every Service has pods and their ports': services,
  'every probe asks a port that is there': probes,
  'the Ingress leads to what is public, and to no more': ingress,
  'every namespace denies by default': denied,
  'every policy names pods and ports that are there': policies,
  'everybody reaches the servers that they use': servers,
  'every role is scraped': scraped,
}
