import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, type FormatConfig } from 'oxfmt'
import { connectors } from './dashboards/connectors.ts'
import { dashboard } from './dashboards/dashboard.ts'
import { overview } from './dashboards/overview.ts'
import { process } from './dashboards/process.ts'
import { rpc } from './dashboards/rpc.ts'
import { streams } from './dashboards/streams.ts'
import { ruleFile, ruleResource } from './rules/rule-file.ts'
import { RUNBOOK } from './runbook.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** All that is made here, by its path in `deploy/monitoring`, written as everything in this repository is. */
export async function files(runbook = RUNBOOK): Promise<Map<string, string>> {
  const style = JSON.parse(readFileSync(join(ROOT, '.oxfmtrc.json'), 'utf8')) as FormatConfig
  const made = [...contents(runbook)].map(async ([path, text]) => {
    const { code, errors } = await format(path, text, style)
    if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
    return [path, code] as const
  })
  return new Map(await Promise.all(made))
}

const contents = (runbook: string): Map<string, string> =>
  new Map([
    ...[overview, streams, rpc, connectors, process].map(
      (options) =>
        [`dashboards/${options.name}.json`, JSON.stringify(dashboard(options, runbook), null, 2)] as const,
    ),
    ['rules/millrace.yml', ruleFile(runbook)],
    ['kubernetes/prometheus-rule.yml', ruleResource(runbook)],
  ])
