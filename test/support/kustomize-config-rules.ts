import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IContainer } from 'kubernetes-models/v1'
import { VERSION } from '../../src/cli/package-info.ts'
import { checkConfig } from '../../src/cli/service/check-config.ts'
import { loadConfig, type Config } from '../../src/config/config.ts'
import type { Variable } from '../../src/config/variable.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { keyItem, randomKey } from '../../src/security/api-key.ts'
import { isMillrace, ofKind, workloads, type Manifest, type Workload } from './kustomize-manifest.ts'
import { failed, type Rule } from './kustomize-pod-rules.ts'

/** Secrets by their names, with what an operator has put into them: docs/deployment/kubernetes.md says how. */
export const EXISTING: Readonly<Record<string, Record<string, string>>> = {
  'app-secrets': { REDIS_PW: 'secret', API_KEYS: keyItem(randomKey(), 'ci', 'publish') },
  'database-secrets': { DB_PASSWORD: 'secret' },
}

function secretsOf(manifests: readonly Manifest[]): Record<string, Record<string, string>> {
  const own = ofKind(manifests, 'Secret').map(({ metadata, stringData = {} }) => [metadata.name, stringData])
  return own.length > 0 ? (Object.fromEntries(own) as Record<string, Record<string, string>>) : EXISTING
}

const configMapOf = (manifests: readonly Manifest[], workload: Workload, name: string | undefined) =>
  ofKind(manifests, 'ConfigMap').find(
    ({ metadata }) => metadata.name === name && metadata.namespace === workload.namespace,
  )

const ours = (manifests: readonly Manifest[]) =>
  workloads(manifests).flatMap((workload) =>
    workload.containers.filter(isMillrace).map((container) => ({ ...workload, container })),
  )

function environmentOf(
  manifests: readonly Manifest[],
  workload: Workload,
  { env = [], envFrom = [] }: IContainer,
) {
  const maps = envFrom.map(({ configMapRef }) => configMapOf(manifests, workload, configMapRef?.name)?.data)
  const own = env.map(({ name, value }) => [name, value] as const)
  return { ...Object.assign({}, ...maps), ...Object.fromEntries(own) } as Record<string, string | undefined>
}

const NAMES = new Set(
  (Object.entries(VARIABLES) as [string, Variable][]).flatMap(([name, { aliases = [], secret }]) =>
    [name, ...aliases].flatMap((one) => (secret ? [one, `${one}_FILE`] : [one])),
  ),
)

/** What Millrace does not know it ignores, so a name that is misspelt does nothing, without a word. */
const knownVariables: Rule = (manifests) =>
  ours(manifests).flatMap((workload) =>
    Object.keys(environmentOf(manifests, workload, workload.container))
      .filter((name) => !NAMES.has(name))
      .map((name) => `${workload.title}: Millrace has no variable ${name}`),
  )

/** Of what a pod needs to start, nothing is missing: a key that is not there keeps it from starting. */
const references: Rule = (manifests) => {
  const secrets = secretsOf(manifests)
  return workloads(manifests).flatMap((workload) => {
    const { pod, containers } = workload
    const maps = [
      ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef?.name)),
      ...(pod.volumes ?? []).flatMap(({ configMap }) => (configMap?.optional ? [] : (configMap?.name ?? []))),
    ]
    const keys = containers
      .flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef))
      .filter((reference) => reference !== undefined)
    return [
      ...maps
        .filter((name) => !configMapOf(manifests, workload, name))
        .map((name) => `${workload.title}: there is no ConfigMap ${name}`),
      ...(pod.volumes ?? [])
        .filter(({ secret }) => secret && !secrets[secret.secretName!])
        .map(({ secret }) => `${workload.title}: there is no Secret ${secret!.secretName}`),
      ...keys
        .filter(({ name, key }) => secrets[name!]?.[key] === undefined)
        .map(({ name, key }) => `${workload.title}: there is no key ${key} in the Secret ${name}`),
    ]
  })
}

/** Writes the Secrets that a container mounts below a folder, where they would be below the root. */
function writeSecrets(
  root: string,
  manifests: readonly Manifest[],
  { pod }: Workload,
  container: IContainer,
) {
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const { secret } = (pod.volumes ?? []).find((volume) => volume.name === name) ?? {}
    if (!secret) continue
    const folder = join(root, mountPath)
    mkdirSync(folder, { recursive: true })
    const content = secretsOf(manifests)[secret.secretName!] ?? {}
    for (const [key, value] of Object.entries(content)) writeFileSync(join(folder, key), value)
  }
}

/** What Millrace makes of the environment of a container, as it would when it starts. */
function configOf(manifests: readonly Manifest[], workload: Workload, container: IContainer): Config {
  const root = mkdtempSync(join(tmpdir(), 'millrace-test-kubernetes-'))
  try {
    writeSecrets(root, manifests, workload, container)
    const given = Object.entries(environmentOf(manifests, workload, container))
    const env = Object.fromEntries(
      given.map(([name, value]) => [name, name.endsWith('_FILE') ? join(root, value!) : value]),
    )
    const config = loadConfig(env, { cwd: root, version: VERSION })
    checkConfig(config, env)
    return config
  } finally {
    rmSync(root, { recursive: true })
  }
}

const NUMBER = /^(\d+)(Mi|Gi)$/
const bytesOf = (quantity: unknown): number => {
  const [, amount, unit] = NUMBER.exec(String(quantity)) ?? []
  return Number(amount) * 2 ** (unit === 'Gi' ? 30 : 20)
}

const loads: Rule = (manifests) =>
  ours(manifests)
    .filter(({ manifest }) => manifest.kind === 'Deployment')
    .flatMap((workload) => {
      const { title, container } = workload
      try {
        return failed(title, configChecks(manifests, workload, configOf(manifests, workload, container)))
      } catch (error) {
        if (!(error instanceof InvalidError)) throw error
        return error.issues.map(({ path, message }) => `${title}: ${path} ${message}`)
      }
    })

function configChecks(
  manifests: readonly Manifest[],
  { container, pod, namespace }: Workload & { container: IContainer },
  config: Config,
) {
  const { preStop } = container.lifecycle ?? {}
  const pauseS = preStop?.sleep?.seconds ?? 0
  const graceS = pod.terminationGracePeriodSeconds ?? 30
  return {
    'warns of nothing': config.warnings.length === 0,
    'is reached from outside of its pod': !['127.0.0.1', 'localhost', '::1'].includes(config.http.host ?? ''),
    'waits before it stops': pauseS >= 5,
    'is not killed while it stops': graceS * 1_000 >= pauseS * 1_000 + config.shutdownGraceMs + 5_000,
    'stops no sooner than the longest handler':
      config.shutdownGraceMs > Math.max(config.consumers.handlerTimeoutMs, config.http.requestTimeoutMs),
    'refuses requests before its memory is full':
      config.overload.memoryBytes <= 0.9 * bytesOf(container.resources?.limits?.['memory']),
    'needs no embedded server': config.redis !== undefined && config.database !== undefined,
    'finds its servers': [config.redis, config.database].every((place) =>
      isThere(manifests, namespace, new URL((place as { url: string }).url)),
    ),
  }
}

/** A name without a dot is one of the cluster, so it is a Service beside the pod. */
const isThere = (manifests: readonly Manifest[], namespace: string, { hostname, port }: URL): boolean =>
  hostname.includes('.') ||
  ofKind(manifests, 'Service').some(
    ({ metadata, spec }) =>
      metadata.name === hostname &&
      metadata.namespace === namespace &&
      spec!.ports!.some((one) => String(one.port) === port),
  )

type Trigger = { type: string; metadata: Record<string, string>; authenticationRef?: { name?: string } }

/** Each group by what waits and by what is pending, on the Redis that the pods use. */
const triggers: Rule = (manifests) => {
  const config = ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === 'app-config')?.data
  const authentication = ofKind(manifests, 'TriggerAuthentication')[0]
  const { name = '', key = '' } = authentication?.spec?.secretTargetRef?.[0] ?? {}
  return ofKind(manifests, 'ScaledObject').flatMap(({ metadata, spec }) => {
    const all = (spec!.triggers ?? []) as Trigger[]
    const groupOf = ({ metadata: of }: Trigger) => `${of['stream']} ${of['consumerGroup']}`
    const pairs = [...new Set(all.map(groupOf))].map((group) => all.filter((one) => groupOf(one) === group))
    return failed(`ScaledObject ${metadata.name}`, {
      'looks at streams': all.length > 0 && all.every(({ type }) => type === 'redis-streams'),
      'has a lag and a pending trigger for each group': pairs.every(
        ([lag, pending, ...others]) =>
          hasNumber(lag, 'lagCount') && hasNumber(pending, 'pendingEntriesCount') && others.length === 0,
      ),
      'wakes at the first entry': all.every(
        ({ metadata: { lagCount, activationLagCount } }) =>
          lagCount === undefined || activationLagCount === '0',
      ),
      'looks at the Redis of the pods': all.every(
        ({ metadata: { address, enableTLS } }) =>
          address === `${config?.['REDIS_HOST']}:${config?.['REDIS_PORT']}` &&
          enableTLS === config?.['REDIS_TLS_ENABLED'],
      ),
      'has the password': all.every(
        ({ authenticationRef }) =>
          authenticationRef?.name === authentication?.metadata.name &&
          key in (secretsOf(manifests)[name] ?? {}),
      ),
      'never goes to none': (spec!.minReplicaCount ?? 0) > 0,
    })
  })
}

const hasNumber = (trigger: Trigger | undefined, name: string): boolean =>
  /^[1-9]\d*$/.test(trigger?.metadata[name] ?? '')

export const CONFIG_RULES: Readonly<Record<string, Rule>> = {
  'every variable is one of Millrace': knownVariables,
  'every ConfigMap, Secret and key is there': references,
  'every role can start with its environment': loads,
  'every trigger looks at the Redis of the pods': triggers,
}
