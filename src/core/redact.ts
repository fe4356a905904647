/** What takes the place of a secret. */
export const MASK = '****'

const CREDENTIALS = /:\/\/([^\s/@:]*):([^\s/@]*)@/g

/** A text that may be shown: passwords are taken out of the URLs in it. */
export const redactText = (text: string): string =>
  // Nearly no text holds a URL with a password, and looking for two marks is quicker than matching.
  text.includes('@') && text.includes('://') ? text.replace(CREDENTIALS, `://$1:${MASK}@`) : text
