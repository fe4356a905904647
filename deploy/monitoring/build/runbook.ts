/** Where the runbook lies unless the builder is told otherwise: in this repository. */
export const RUNBOOK = 'docs/runbook.md'

/** The anchor of a section, as Markdown makes it of a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
