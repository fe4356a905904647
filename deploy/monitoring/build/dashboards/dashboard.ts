import type { Dashboard, Panel } from './grafana.ts'
import type { Plain } from './panels.ts'
import { variables, type Choice } from './variables.ts'

/** Panels side by side under a title, of which each takes the same part of the width unless it says how much. */
export interface Row {
  readonly title: string
  readonly height: number
  readonly panels: readonly (Plain | { readonly panel: Plain; readonly width: number })[]
}

export interface DashboardOptions {
  /** Stands in addresses and links: never change it. */
  readonly name: string
  readonly title: string
  readonly about: string
  readonly choices: readonly Choice[]
  readonly rows: readonly Row[]
}

const COLUMNS = 24

/** @param runbook where people find it */
export function dashboard(options: DashboardOptions, runbook?: string): Dashboard {
  return {
    uid: `millrace-${options.name}`,
    title: `Millrace / ${options.title}`,
    description: options.about,
    tags: ['millrace'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: LINKS,
    templating: { list: variables(options.choices, runbook) },
    annotations: { list: [] },
    panels: placed(options.rows),
  }
}

const LINKS = [
  {
    title: 'Millrace',
    type: 'dashboards',
    tags: ['millrace'],
    asDropdown: true,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
  },
  { title: 'Runbook', type: 'link', icon: 'doc', url: '${runbook}', targetBlank: true },
]

/** Rows below each other, panels from left to right; those that do not fit begin another line. */
function placed(rows: readonly Row[]): Panel[] {
  const panels: Panel[] = []
  let y = 0
  const put = (panel: Plain, gridPos: Panel['gridPos']) =>
    void panels.push({ id: panels.length + 1, ...panel, gridPos })
  for (const { title, height, panels: members } of rows) {
    put({ type: 'row', title, collapsed: false, panels: [] }, { x: 0, y, w: COLUMNS, h: 1 })
    y += 1
    let x = 0
    for (const member of members) {
      const [panel, w] =
        'panel' in member
          ? [member.panel, member.width]
          : [member, Math.floor(COLUMNS / Math.min(members.length, MOST_IN_A_LINE))]
      if (x + w > COLUMNS) [x, y] = [0, y + height]
      put(panel, { x, y, w, h: height })
      x += w
    }
    y += height
  }
  return panels
}

const MOST_IN_A_LINE = 6
