/** CodeQL's names. It fails on a language that the repository has no file of, hence by what is there. */
const extensions: Readonly<Record<string, RegExp>> = {
  actions: /^\.github\/workflows\/[^/]+\.ya?ml$/,
  'java-kotlin': /\.(java|kt)$/,
  'javascript-typescript': /\.([cm]?[jt]s|[jt]sx|vue)$/,
  python: /\.py$/,
}

export function languagesOf(files: readonly string[]): string[] {
  return Object.keys(extensions).filter((language) => files.some((file) => extensions[language]?.test(file)))
}
