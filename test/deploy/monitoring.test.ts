import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { files } from '../../deploy/monitoring/build/files.ts'
import type { Panel } from '../../deploy/monitoring/build/dashboards/grafana.ts'
import { findTestPrometheus } from '../../src/engines/test-prometheus.ts'
import { processMetrics } from '../../src/telemetry/metrics/process-metrics.ts'
import { kustomize } from '../support/kustomize.ts'
import { ofKind } from '../support/kustomize-manifest.ts'
import {
  alerts,
  DASHBOARDS,
  metricsIn,
  MONITORING,
  panelQueries,
  RULE_TESTS,
  rules,
  RULES,
} from './monitoring-kit.ts'

const { program, reason } = await findTestPrometheus()
const development = kustomize(join(MONITORING, '../kubernetes/overlays/development'))
const inCluster = ofKind(development, 'ConfigMap').find(
  ({ metadata }) => metadata.name === 'prometheus-config',
)

describe('what is shipped', () => {
  it('is what the builder makes (written anew by `npm run dashboards`)', async () => {
    for (const [path, text] of await files()) expect(readFileSync(join(MONITORING, path), 'utf8')).toBe(text)
  })

  it('leads elsewhere where the runbook is elsewhere', async () => {
    const made = await files('https://wiki.test/millrace')
    expect(made.get('rules/millrace.yml')).toContain('runbook_url: https://wiki.test/millrace#millracedown\n')
    expect(made.get('dashboards/overview.json')).toContain('"query": "https://wiki.test/millrace"')
    expect([...made.values()].join('\n')).not.toContain('docs/runbook.md')
  })
})

describe('the metrics that are asked for', () => {
  const page = readFileSync(join(MONITORING, '../../docs/metrics.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!)
  const ofProcess = processMetrics()
    .getMetricsAsArray()
    .map(({ name }) => name)
  const named = [...panelQueries, ...rules].map(({ expr }) => metricsIn(expr))

  it.each([...new Set(named.flat())].toSorted())('%s is one that there is', (name) => {
    expect([...documented, ...ofProcess]).toContain(name)
  })

  it('are named by every query', () => {
    const without = [...panelQueries, ...rules].filter(
      ({ expr }) => metricsIn(expr).length === 0 && !/millrace:|ALERTS/.test(expr),
    )
    expect(without).toEqual([])
  })
})

describe('alerts', () => {
  it.each(alerts)('$alert says how grave it is, for how long, what is the case, and what to do', (rule) => {
    expect(rule.labels!['severity']).toMatch(/^(?:critical|warning)$/)
    expect(rule.for).toMatch(/^\d+[mh]$/)
    const { summary, description } = rule.annotations!
    expect(summary).toMatch(/^\S.{10,}[^.]$/)
    expect(description).toMatch(/^\S.{20,}\. First: .{10,}$/s)
  })

  it('have names of their own, and so has what is recorded', () => {
    const names = rules.map(({ alert, record }) => alert ?? record)
    expect(new Set(names).size).toBe(names.length)
  })

  it('look back only at what is recorded', () => {
    const recorded = new Set(rules.map(({ record }) => record))
    const asked = rules.flatMap(({ expr }) => expr.match(/millrace:\w+:\w+/g) ?? [])
    expect(asked.filter((name) => !recorded.has(name))).toEqual([])
  })
})

interface RuleTest {
  tests: { name: string; promql_expr_test: { exp_samples: { labels: string }[] }[] }[]
}

describe('the tests of the rules', () => {
  const cases = RULE_TESTS.flatMap((file) => (parse(readFileSync(file, 'utf8')) as RuleTest).tests)
  const firing = (test: RuleTest['tests'][number]) =>
    test.promql_expr_test.map(({ exp_samples: samples }) => samples.map(({ labels }) => labels).join(' '))

  it.each(alerts)('have $alert fire, and stay silent at another time of the same case', ({ alert }) => {
    const name = `alertname="${alert}"`
    const both = cases.map(firing).filter((times) => times.some((labels) => labels.includes(name)))
    expect(both.some((times) => times.some((labels) => !labels.includes(name)))).toBe(true)
  })

  describe.skipIf(!program)(`by ${program?.software ?? reason}`, () => {
    it('the rules are well-formed', async () => {
      expect(await program!.checkRules(RULES)).toBe('')
    })

    it.each([
      ['Compose', readFileSync(join(MONITORING, '../compose/prometheus.yml'), 'utf8')],
      ['the cluster for development', inCluster!.data!['prometheus.yml']!],
    ])('the configuration of %s is one, and finds the rules', async (_, config) => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
      const file = join(folder, 'prometheus.yml')
      const here = config.replace(/^ {2}- \/etc\/.*\*\.yml$/m, `  - ${join(MONITORING, 'rules/*.yml')}`)
      writeFileSync(file, here)
      try {
        expect(here).toContain(MONITORING)
        expect(await program!.checkConfig(file)).toBe('')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('each alert fires when it should, alone, and is silent when it should be', async () => {
      expect(await program!.testRules(RULE_TESTS)).toBe('')
    })
  })
})

describe('dashboards', () => {
  it('have addresses of their own that stay', () => {
    expect(DASHBOARDS.map(({ uid }) => uid)).toEqual([
      'millrace-connectors',
      'millrace-overview',
      'millrace-process',
      'millrace-rpc',
      'millrace-streams',
    ])
  })

  describe.each(DASHBOARDS)('$title', ({ panels, templating, schemaVersion, tags }) => {
    const shown = panels.filter(({ type }) => type !== 'row')

    it('is of the format of Grafana 11 and 12', () => {
      expect([schemaVersion, tags]).toEqual([39, ['millrace']])
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    })

    it('asks the data source that is chosen, with variables that there are', () => {
      const known = new Set(['__rate_interval', ...templating.list.map(({ name }) => name)])
      const text = JSON.stringify(panels)
      const used = [...text.matchAll(/\$\{?(\w+)/g)]
        .map(([, name]) => name!)
        .filter((name) => name !== '__data')
      expect(used.filter((name) => !known.has(name))).toEqual([])
      for (const { datasource, targets = [] } of shown)
        for (const source of [datasource, ...targets.map((target) => target.datasource)])
          expect(source).toEqual({ type: 'prometheus', uid: '${datasource}' })
    })

    it.each(shown)('$title says what it is, in which unit, and where help is', (panel) => {
      expect(panel.description).toMatch(/^.{20,}\.$/)
      expect(panel.links?.length).toBe(1)
      expect(JSON.stringify(panel.fieldConfig)).toMatch(/"unit"/)
      expect(panel.targets?.length).toBeGreaterThan(0)
    })

    it('has its panels side by side, and none over another', () => {
      for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      const overlaps = panels.flatMap((one, index) =>
        panels.slice(index + 1).filter((other) => overlap(one, other)),
      )
      expect(overlaps).toEqual([])
    })
  })
})

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}
