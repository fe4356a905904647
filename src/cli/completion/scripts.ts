import { print, type Io } from '../io.ts'

export type Shell = keyof typeof SCRIPTS

/** `millrace completion`: what a shell has to read. */
export const completionCommand = (io: Io, shell: Shell): Promise<void> => print(io, SCRIPTS[shell])

/**
 * Each hands the words of the line to `millrace complete`, which knows them from the commands themselves, and offers what
 * it answers: a word a line, with what it means behind a tab. So they need no renewal with a new version.
 */
const SCRIPTS = {
  // Bash takes a colon for the end of a word, and names of streams have some: what stands before it is there already.
  bash: `_millrace() {
  local line=\${COMP_LINE:0:COMP_POINT} word
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=\${words[-1]}
  local before=\${current%"\${current##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    printf -v word '%q' "$word"
    COMPREPLY+=("\${word#"$before"}")
  done < <("\${COMP_WORDS[0]}" complete -- "\${words[@]:1}" 2> /dev/null)
}
complete -o default -F _millrace millrace`,
  zsh: `_millrace() {
  local -a found described
  local line
  found=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  for line in $found; do
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#described} )); then _describe 'millrace' described; else _files; fi
}
compdef _millrace millrace`,
  fish: `function __millrace_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete -- $words[2..-1] 2> /dev/null
end
complete -c millrace -a '(__millrace_complete)'`,
} as const
