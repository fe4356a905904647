/*
 * Millrace as it is published, built JavaScript: tsx keeps the names of functions by a call for each function that is
 * made, which costs on a hot path.
 */
export const built = (file: string): string => new URL(`../dist/${file}`, import.meta.url).href
