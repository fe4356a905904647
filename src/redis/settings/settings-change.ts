import { positionTime } from '../../core/position.ts'
import type { SettingsChange } from '../../core/settings.ts'

/** Reads a record of the change script: `name`, `from` and `to` come once for each setting, in this order. */
export function toChange([id, fields]: [string, string[]]): SettingsChange {
  const changes: { name: string; from: unknown; to: unknown }[] = []
  const texts: Record<string, string> = { version: '', actor: '', reason: '' }
  for (let at = 0; at < fields.length; at += 2) {
    const [name = '', value = ''] = fields.slice(at, at + 2)
    const last = changes.at(-1)
    if (name === 'name') changes.push({ name: value, from: null, to: null })
    else if ((name === 'from' || name === 'to') && last) last[name] = toValue(value)
    else if (Object.hasOwn(texts, name)) texts[name] = value
  }
  const { version, actor = '', reason = '' } = texts
  return {
    id,
    time: new Date(positionTime(id)).toISOString(),
    version: Number(version),
    actor,
    reason,
    changes,
  }
}

/** What was corrupt is shown as the text that stood there. */
function toValue(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
