/* What of Grafana's dashboard format (schema 39, that of Grafana 11 and 12) is used here. */

export interface DataSource {
  readonly type: 'prometheus'
  readonly uid: string
}

export interface Target {
  readonly datasource: DataSource
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
  readonly format: 'time_series' | 'table'
  readonly instant: boolean
  readonly range: boolean
}

export interface Link {
  readonly title: string
  readonly url: string
  readonly targetBlank: boolean
}

export interface Thresholds {
  readonly mode: 'absolute'
  readonly steps: readonly { readonly color: string; readonly value: number | null }[]
}

export interface Override {
  readonly matcher: { readonly id: 'byName'; readonly options: string }
  readonly properties: readonly { readonly id: string; readonly value: unknown }[]
}

export interface Panel {
  readonly id: number
  readonly type: 'row' | 'stat' | 'table' | 'timeseries'
  readonly title: string
  readonly description?: string
  readonly datasource?: DataSource
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly Target[]
  readonly links?: readonly Link[]
  readonly fieldConfig?: { readonly defaults: object; readonly overrides: readonly Override[] }
  readonly options?: object
  readonly transformations?: readonly { readonly id: string; readonly options: object }[]
  readonly collapsed?: boolean
  readonly panels?: readonly Panel[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: 'constant' | 'datasource' | 'query'
  readonly query: unknown
  readonly [field: string]: unknown
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: 39
  readonly version: 1
  readonly editable: boolean
  readonly graphTooltip: 1
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly timezone: 'browser'
  readonly links: readonly object[]
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly object[] }
  readonly panels: readonly Panel[]
}
