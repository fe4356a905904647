/** The commands of the `sh` blocks of a document, each as its words; quotes keep some together, as in a shell. */
export function commandsIn(text: string): string[][] {
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]!)
  return blocks
    .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!))
    .filter((words) => words.length > 0)
}
