/** A table for people: columns as wide as their widest cell, no borders. Cells are counted in code points. */
export function table(rows: readonly Readonly<Record<string, string>>[], columns?: readonly string[]): string[] {
  const names = columns ?? Object.keys(rows[0] ?? {})
  const width = (text: string) => [...text].length
  const widths = names.map((name) => Math.max(width(name), ...rows.map((row) => width(row[name] ?? ''))))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd()
  return [
    line(names.map((name) => name.toUpperCase())),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ''))),
  ]
}

/** 1536 → `1.5 KiB`; binary units, one decimal. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
