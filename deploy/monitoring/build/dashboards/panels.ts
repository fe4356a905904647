import { anchorOf } from '../runbook.ts'
import type { Override, Panel, Target, Thresholds } from './grafana.ts'
import { DATA_SOURCE } from './variables.ts'

/** A panel without its place. */
export type Plain = Omit<Panel, 'id' | 'gridPos'>

/** The unit of values, as Grafana calls it. */
export type Unit = 'bytes' | 'dateTimeAsIso' | 'none' | 'ops' | 'percentunit' | 'reqps' | 's' | 'short'

export interface Query {
  readonly expr: string
  /** Of the series, such as `{{stream}} / {{group}}`. */
  readonly legend: string
}

export interface PanelOptions {
  readonly title: string
  /** For whoever never saw it: what it is, and what is bad. */
  readonly about: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** From where on it is yellow, and red. */
  readonly bad?: { readonly warning?: number; readonly critical?: number }
  /** The heading of the runbook that helps. */
  readonly runbook?: string
}

export const query = (expr: string, legend: string): Query => ({ expr, legend })

/** Lines over time; a threshold is a dashed line. */
export const timeseries = (options: PanelOptions & { stacked?: boolean }): Plain => ({
  ...base('timeseries', options, options.queries.map(target('time_series', false))),
  fieldConfig: {
    defaults: {
      unit: options.unit,
      min: 0,
      thresholds: thresholds(options),
      custom: {
        drawStyle: 'line',
        lineWidth: 1,
        fillOpacity: options.stacked ? 30 : 8,
        showPoints: 'never',
        spanNulls: false,
        stacking: { mode: options.stacked ? 'normal' : 'none', group: 'A' },
        thresholdsStyle: { mode: options.bad ? 'dashed' : 'off' },
      },
    },
    overrides: [],
  },
  options: {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
})

/** One number, as it is now, in a colour. */
export const stat = (options: PanelOptions): Plain => ({
  ...base('stat', options, options.queries.map(target('time_series', true))),
  fieldConfig: {
    defaults: { unit: options.unit, thresholds: thresholds(options), color: { mode: 'thresholds' } },
    overrides: [],
  },
  options: {
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    colorMode: options.bad ? 'background' : 'value',
    graphMode: 'none',
    textMode: 'auto',
    justifyMode: 'center',
  },
})

export interface TableOptions extends Omit<PanelOptions, 'queries' | 'unit' | 'bad'> {
  /** The column of values of each, with its unit. */
  readonly columns: readonly (Query & { readonly unit: Unit; readonly bad?: PanelOptions['bad'] })[]
  /** A link for the cells of a column, by its label. */
  readonly links?: Readonly<Record<string, string>>
}

/** What is the case now: a line for each set of labels, a column for each query. */
export function table(options: TableOptions): Plain {
  const { columns, links = {} } = options
  const targets = columns.map(target('table', true))
  const values = columns.map(({ legend, unit, bad }, index) => ({
    // Grafana names a value by its query, where there are several of them.
    column: columns.length === 1 ? 'Value' : `Value #${targets[index]!.refId}`,
    properties: [
      { id: 'displayName', value: legend },
      { id: 'unit', value: unit },
      { id: 'thresholds', value: thresholds({ ...(bad && { bad }) }) },
      ...(bad ? [{ id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } }] : []),
    ],
  }))
  const linked = Object.entries(links).map(([column, url]) => ({
    column,
    properties: [{ id: 'links', value: [{ title: 'Look at it', url, targetBlank: false }] }],
  }))
  return {
    ...base('table', options, targets),
    fieldConfig: {
      defaults: { custom: { align: 'auto', filterable: true } },
      overrides: [...values, ...linked].map(override),
    },
    options: { showHeader: true, cellHeight: 'sm', footer: { show: false } },
    transformations: [
      ...(columns.length > 1 ? [{ id: 'merge', options: {} }] : []),
      { id: 'organize', options: { excludeByName: { Time: true } } },
    ],
  }
}

function base(
  type: 'stat' | 'table' | 'timeseries',
  { title, about, runbook }: Pick<PanelOptions, 'title' | 'about' | 'runbook'>,
  targets: readonly Target[],
): Plain {
  const url = `\${runbook}#${anchorOf(runbook ?? '')}`
  return {
    type,
    title,
    description: about,
    datasource: DATA_SOURCE,
    targets,
    ...(runbook !== undefined && { links: [{ title: `Runbook: ${runbook}`, url, targetBlank: true }] }),
  }
}

const target =
  (format: Target['format'], instant: boolean) =>
  ({ expr, legend }: Query, index: number): Target => ({
    datasource: DATA_SOURCE,
    refId: String.fromCodePoint('A'.codePointAt(0)! + index),
    expr,
    legendFormat: legend,
    format,
    instant,
    range: !instant,
  })

const override = ({
  column,
  properties,
}: {
  column: string
  properties: Override['properties']
}): Override => ({
  matcher: { id: 'byName', options: column },
  properties,
})

function thresholds({ bad: { warning, critical } = {} }: Pick<PanelOptions, 'bad'>): Thresholds {
  return {
    mode: 'absolute',
    steps: [
      { color: 'green', value: null },
      ...(warning === undefined ? [] : [{ color: 'yellow', value: warning }]),
      ...(critical === undefined ? [] : [{ color: 'red', value: critical }]),
    ],
  }
}
