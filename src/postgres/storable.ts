/** Longest type and user id, in UTF-16 units. Longer ones are cut: they are for looking up, and an index has limits. */
const MAX_NAME_LENGTH = 256

/** A text as PostgreSQL takes it: it has no place for NUL. */
export const storable = (text: string): string =>
  text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text

/** A type or user id as it stands in its column, and as it is to be looked up. */
export const storableName = (name: string): string => storable(name.slice(0, MAX_NAME_LENGTH))
