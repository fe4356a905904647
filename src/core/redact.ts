/** What takes the place of a secret. */
export const MASK = '****'

/** Up to the last `@` of an address: a password may hold one that nobody encoded. */
const CREDENTIALS = /:\/\/([^\s/@:]*):([^\s/]*)@/g
/** As in a query, a cookie or a connection string. */
const NAMED =
  /(pass(?:word|wd|phrase)|secret|token|(?:api|access|account)[-_]?key|signature|\bsig)([\w-]{0,32})=[^\s&"',;]+/gi
const BEARER = /\b(bearer)\s+[\w.~+/=-]{16,}/gi
/** An API key: what names it may be seen. */
const API_KEY = /(mr_[\da-f]{8})_[\w-]{43}/g
const JWT = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g

/**
 * A text that may be shown: taken out of it are the passwords in URLs, what follows a name such as `token=`, and the
 * tokens of an Authorization header, and API keys.
 */
export function redactText(text: string): string {
  // Nearly no text holds any of it, and looking for marks is quicker than matching.
  let shown = text
  if (text.includes('@') && text.includes('://')) shown = shown.replace(CREDENTIALS, `://$1:${MASK}@`)
  if (text.includes('=')) shown = shown.replace(NAMED, `$1$2=${MASK}`)
  if (text.includes('earer') || text.includes('EARER')) shown = shown.replace(BEARER, `$1 ${MASK}`)
  if (text.includes('mr_')) shown = shown.replace(API_KEY, `$1_${MASK}`)
  if (text.includes('eyJ')) shown = shown.replace(JWT, MASK)
  return shown
}
