import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
export const readUnit = (name: string): Unit =>
  parseUnit(readFileSync(join(ROOT, 'deploy/systemd', name), 'utf8'))

/** The directives of a unit file in their order; a name may come several times. */
export type Unit = readonly { section: string; name: string; value: string }[]

/** @throws Error that names the line which is not understood */
export function parseUnit(text: string): Unit {
  let section = ''
  return text.split('\n').flatMap((line) => {
    if (/^(?:#|;|$)/.test(line)) return []
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? []
    if (heading) section = heading
    if (heading) return []
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (!section || !name || value!.endsWith('\\')) throw new Error(`not understood: ${line}`)
    return [{ section, name, value: value! }]
  })
}

export const all = (unit: Unit, name: string): string[] =>
  unit.filter((directive) => directive.name === name).map(({ value }) => value)

/** The last one holds, as systemd has it for what is no list. */
export function one(unit: Unit, name: string): string {
  const value = all(unit, name).at(-1)
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

/** Lines of `NAME=value`, as in Environment= and in an environment file. */
export const assignments = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

/** What systemd.unit, systemd.service, systemd.exec and systemd.resource-control know, of what we use. */
export const KNOWN: Readonly<Record<string, readonly string[]>> = {
  Unit: ['Description', 'Wants', 'After', 'StartLimitIntervalSec'],
  Install: ['WantedBy'],
  Service: [
    'AmbientCapabilities',
    'CapabilityBoundingSet',
    'Environment',
    'EnvironmentFile',
    'ExecReload',
    'ExecStart',
    'Group',
    'KillMode',
    'LimitNOFILE',
    'LoadCredential',
    'LockPersonality',
    'MemoryMax',
    'NoNewPrivileges',
    'PrivateDevices',
    'PrivateTmp',
    'PrivateUsers',
    'ProtectClock',
    'ProtectControlGroups',
    'ProtectHome',
    'ProtectHostname',
    'ProtectKernelLogs',
    'ProtectKernelModules',
    'ProtectKernelTunables',
    'ProtectProc',
    'ProtectSystem',
    'RemoveIPC',
    'Restart',
    'RestartPreventExitStatus',
    'RestartSec',
    'RestrictAddressFamilies',
    'RestrictNamespaces',
    'RestrictRealtime',
    'RestrictSUIDSGID',
    'StateDirectory',
    'StateDirectoryMode',
    'SystemCallArchitectures',
    'SystemCallErrorNumber',
    'SystemCallFilter',
    'TimeoutStopSec',
    'Type',
    'UMask',
    'User',
    'WorkingDirectory',
  ],
}
