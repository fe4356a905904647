import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import type { Variable } from '../../src/config/variable.ts'
import { useOnce } from '../support/use.ts'
import {
  composeMistakes,
  loadCompose,
  readYaml,
  ROOT,
  withoutResets,
  type ComposeService,
} from './compose-model.ts'

const BASE = 'docker-compose.yml'
const PRODUCTION = 'deploy/compose/production.yml'
const RELOAD = 'deploy/compose/reload.yml'
const SET = { MILLRACE_IMAGE: 'registry.example.com/millrace:1.2.3', SECRETS_DIRECTORY: '/srv/secrets' }
const VARIANTS = {
  development: loadCompose([BASE]),
  reload: loadCompose([BASE, RELOAD]),
  production: loadCompose([BASE, PRODUCTION], SET),
}
const { development, production } = VARIANTS
const ROLES = ['api', 'connector', 'ingress', 'proxy', 'worker']

/** Every service of every variant. */
const SERVICES = Object.entries(VARIANTS).flatMap(([variant, { services }]) =>
  Object.entries(services).map(([name, service]) => ({ variant, name, service })),
)
const OURS = SERVICES.filter(({ service }) => 'ROLES' in (service.environment ?? {}))
const names = (found: typeof SERVICES): string[] => found.map(({ variant, name }) => `${variant} ${name}`)
const variable = (service: ComposeService, name: string): number => Number(service.environment?.[name])
const secondsOf = (text = ''): number => Number(/^(\d+)s$/.exec(text)?.[1])

describe('the Compose files', () => {
  test.each([BASE, PRODUCTION, RELOAD])('%s keeps to the Compose specification', (file) =>
    expect(composeMistakes(withoutResets(readYaml(file)))).toEqual([]),
  )
  test.each(Object.entries(VARIANTS))('so does what is put together for %s', (_, compose) =>
    expect(composeMistakes(compose)).toEqual([]),
  )
  test('what does not keep to it is found', () => {
    const [mistake] = composeMistakes({ services: { api: { image: 'a', port: ['80'] } } })
    expect(mistake).toContain('"additionalProperty":"port"')
    expect(
      composeMistakes({ services: { api: { healthcheck: { retries: 'many' } }, volumes: 'a' } }),
    ).not.toEqual([])
  })

  test('have all that the platform is made of', () => {
    const others = ['grafana', 'postgres', 'prometheus', 'redis']
    for (const { services } of Object.values(VARIANTS))
      expect(Object.keys(services).sort()).toEqual([...ROLES, ...others].sort())
    expect(OURS).toHaveLength(3 * ROLES.length)
    for (const role of ROLES) expect(development.services[role]?.environment?.['ROLES']).toBe(role)
    expect(development.services['proxy']?.deploy?.replicas).toBe(2)
  })
})

describe('configuration', () => {
  const secrets = useOnce(
    async () => ({ folder: mkdtempSync(join(tmpdir(), 'millrace-secrets-')) }),
    async ({ folder }) => rmSync(folder, { recursive: true }),
  )

  test('every variable exists', () => {
    const files = Object.entries<Variable>(VARIABLES).filter(([, { secret }]) => secret)
    const known = new Set([...Object.keys(VARIABLES), ...files.map(([name]) => `${name}_FILE`)])
    const used = new Set(OURS.flatMap(({ service }) => Object.keys(service.environment!)))
    expect([...used].filter((name) => !known.has(name))).toEqual([])
  })

  test.each(OURS)('$variant $name is configured without a mistake or a warning', ({ service }) => {
    const digest = '0'.repeat(64)
    for (const name of service.secrets ?? [])
      writeFileSync(join(secrets.folder, name), name === 'api_keys' ? `ci:publish:${digest}\n` : 'secret\n')
    const env = Object.entries(service.environment!).map(([name, value]) => [
      name,
      String(value).replace('/run/secrets', secrets.folder),
    ])
    const config = loadConfig(Object.fromEntries(env), { cwd: '/nowhere', version: '1.0.0' })
    expect(config.warnings).toEqual([])
    expect(config.redis).toEqual({ url: expect.stringMatching(/^redis:\/\/:\S+@redis:6379$/) as string })
  })

  test('a handler ends before the stop gives up on it, and the stop before the container is killed', () => {
    for (const { service } of OURS) {
      const graceMs = variable(service, 'SHUTDOWN_GRACE_PERIOD_MS')
      expect(graceMs).toBeGreaterThan(variable(service, 'HANDLER_TIMEOUT_MS'))
      expect(secondsOf(service.stop_grace_period) * 1000).toBeGreaterThanOrEqual(graceMs + 5000)
    }
  })
})

describe('what they name', () => {
  test('every mounted file and folder is there', () => {
    const binds = SERVICES.flatMap(({ service }) => service.volumes ?? []).filter((volume) =>
      volume.startsWith('.'),
    )
    const missing = binds.filter((bind) => !existsSync(join(ROOT, bind.split(':')[0]!)))
    expect(missing).toEqual([])
    expect(binds.filter((bind) => !bind.endsWith(':ro'))).toEqual([])
  })

  test('every volume is declared, and every declared one is mounted', () => {
    const mounted = SERVICES.flatMap(({ service }) => service.volumes ?? []).filter((it) => /^\w/.test(it))
    const used = new Set(mounted.map((volume) => volume.split(':')[0]!))
    expect([...used].sort()).toEqual(Object.keys(development.volumes).sort())
  })

  test('every secret is declared, and every declared one is used', () => {
    const used = new Set(Object.values(production.services).flatMap(({ secrets }) => secrets ?? []))
    expect([...used].sort()).toEqual(Object.keys(production.secrets!).sort())
    for (const { environment = {}, secrets = [] } of Object.values(production.services)) {
      const files = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'))
      expect(files.map(([, file]) => file).sort()).toEqual(
        secrets.map((name) => `/run/secrets/${name}`).sort(),
      )
    }
  })

  test('every published port is one that the service listens on, for this machine alone', () => {
    const listens: Record<string, number> = { prometheus: 9090, grafana: 3000 }
    for (const { name, service } of SERVICES) {
      const port = listens[name] ?? service.environment?.['SERVICE_PORT']
      for (const published of service.ports ?? [])
        expect(published).toMatch(new RegExp(`^127\\.0\\.0\\.1:[\\d-]+:${port}$`))
    }
    expect(development.services['ingress']?.ports).toEqual(['127.0.0.1:5009:5009'])
    expect(development.services['proxy']?.ports).toEqual(['127.0.0.1:5010-5011:5010'])
    expect(production.services['proxy']?.ports).toBeUndefined()
  })

  test('whoever waits for others waits until they are healthy', () => {
    for (const { variant, service } of SERVICES)
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(condition).toBe('service_healthy')
        expect(VARIANTS[variant as keyof typeof VARIANTS].services[other]?.healthcheck).toBeDefined()
      }
    expect(SERVICES.filter(({ service }) => !service.healthcheck)).toEqual([])
  })

  test('Prometheus scrapes every service of ours, and has the rules', () => {
    const config = readYaml('deploy/compose/prometheus.yml') as {
      rule_files: string[]
      scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[]
    }
    const [{ names = [], port } = {}] = config.scrape_configs.flatMap(
      ({ dns_sd_configs = [] }) => dns_sd_configs,
    )
    expect([...names].sort()).toEqual(ROLES)
    for (const { service } of OURS) expect(variable(service, 'METRICS_PORT')).toBe(port)
    expect(config.rule_files).toEqual(['/etc/prometheus/rules/*.yml'])
    expect(development.services['prometheus']?.volumes).toContain(
      './deploy/monitoring/rules:/etc/prometheus/rules:ro',
    )
  })

  test('Grafana reads from that Prometheus, and has the dashboards', () => {
    const { datasources } = readYaml('deploy/compose/grafana/datasources/prometheus.yml') as {
      datasources: { url: string }[]
    }
    const { providers } = readYaml('deploy/compose/grafana/dashboards/millrace.yml') as {
      providers: { options: { path: string } }[]
    }
    expect(datasources.map(({ url }) => url)).toEqual(['http://prometheus:9090'])
    const mounts = development.services['grafana']!.volumes!
    expect(mounts).toContain(`./deploy/monitoring/dashboards:${providers[0]?.options.path}:ro`)
    expect(mounts).toContain('./deploy/compose/grafana:/etc/grafana/provisioning:ro')
  })
})

describe('safety', () => {
  test('every image has a version', () => {
    const images = new Set(SERVICES.map(({ service }) => service.image))
    const loose = [...images].filter(
      (image) => !/:(?:v?\d+\.\d+\.?\d*(?:-\w+)?|development|reload)$/.test(image),
    )
    expect(loose).toEqual([])
  })

  test('every container is read-only and has no rights of root', () => {
    for (const { service } of SERVICES)
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        user: expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/) as string,
        tmpfs: expect.arrayContaining(['/tmp']) as string[],
      })
    const running = OURS.filter(({ service }) => service.image !== 'millrace:reload')
    expect(names(running.filter(({ service }) => service.user !== '65532:65532'))).toEqual([])
  })

  test('one service builds the image for all of them, and none in production', () => {
    expect(names(SERVICES.filter(({ service }) => service.build))).toEqual(['development api', 'reload api'])
    for (const { service } of SERVICES.filter(({ service }) => service.build))
      expect(statSync(join(ROOT, service.build!.dockerfile)).isFile()).toBe(true)
  })

  test('production has no password but in files', () => {
    expect(JSON.stringify(development)).toContain('for-development-only')
    expect(JSON.stringify(production)).not.toContain('development')
    for (const { environment = {} } of Object.values(production.services)) {
      const inClear = Object.entries(environment).filter(
        ([name, value]) => /(?:PW|PASSWORD)$/.test(name) && value,
      )
      expect(inClear).toEqual([])
    }
    for (const { file } of Object.values(production.secrets!)) expect(file).toMatch(/^\/srv\/secrets\/\w+$/)
  })

  test('production does not start without its image and its secrets', () => {
    for (const name of ['MILLRACE_IMAGE', 'SECRETS_DIRECTORY'] as const) {
      const { [name]: _, ...others } = SET as Record<string, string>
      expect(() => loadCompose([BASE, PRODUCTION], others)).toThrow(name)
    }
  })

  test('production comes back by itself, within limits', () => {
    for (const service of Object.values(production.services)) {
      expect(service.restart).toBe('unless-stopped')
      expect(service.deploy?.resources?.limits).toEqual({
        cpus: expect.any(String) as string,
        memory: expect.stringMatching(/^\d+[GM]$/) as string,
      })
    }
    for (const role of ROLES) {
      const service = production.services[role]!
      expect(service.deploy?.resources?.limits?.memory).toBe('1G')
      expect(variable(service, 'MAX_MEMORY_BYTES')).toBeLessThanOrEqual(0.8 * 2 ** 30)
    }
  })
})
