import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/**
 * The variables of the environment, and of `.env` in the working directory where that has more. As for the service itself,
 * one that is set to nothing counts as not set, and switches off a line of `.env`.
 */
export function environment(): NodeJS.Dict<string> {
  const all = Object.entries({ ...readDotEnv(), ...process.env })
  return Object.fromEntries(all.filter(([, text]) => text !== undefined && text.trim() !== ''))
}

function readDotEnv(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
