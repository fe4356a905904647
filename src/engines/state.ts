import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** What an engine's next start wants to know. All of it can be done without, so garbage reads as nothing. */
export interface State {
  port?: number
  password?: string
}

export function readState(file: string): State {
  try {
    const { port, password } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    return {
      ...(isPort(port) && { port }),
      ...(typeof password === 'string' && password !== '' && { password }),
    }
  } catch {
    return {}
  }
}

/** Merges into what is there, in one step: a reader never sees half of it. Readable by the owner only. */
export function saveState(file: string, changes: { [K in keyof State]: State[K] | undefined }): void {
  const temporary = `${file}.new`
  writeFileSync(temporary, JSON.stringify({ ...readState(file), ...changes }), { mode: 0o600 })
  renameSync(temporary, file)
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
