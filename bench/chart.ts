/**
 * Rows as bars, in SVG: below each row's name a bar for each subject, with its median, its spread as a line, and its ratio to the first. Nothing in it
 * depends on fonts that are there or not, and it is the same for the same rows, byte by byte.
 */
import type { Measured, Row } from "./results.ts"
import { number, times } from "./table.ts"

const WIDTH = 860, LABEL = 210, VALUE = 230, BAR = 15, GAP = 3, TITLE = 26, TOP = 40
const AREA = WIDTH - LABEL - VALUE

/** What stands out is what this is about; peers are told apart by their names. */
const colour = (name: string, first: boolean): string => first ? "#8c959f" : name.startsWith("rvisor") || name === "Sandbox.spawn" || name.startsWith("kmod") ? "#0969da" : "#d4a72c"

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("`", "").replaceAll("\"", "&quot;")

/** Position of a value on a row's axis. Logarithmic axes begin at half of the smallest value. */
const axis = (results: ReadonlyArray<Measured>, logarithmic: boolean): (value: number) => number => {
  const most = Math.max(...results.map(({ median, p90 }) => Math.max(median, p90)))
  const least = Math.min(...results.map(({ median, p10 }) => Math.min(median, p10))) / 2
  return (value) => Math.round((logarithmic ? Math.log(value / least) / Math.log(most / least) : value / most) * AREA * 10) / 10
}

const bars = (row: Row, top: number, logarithmic: boolean): string => {
  const at = axis(row.results, logarithmic)
  const title = `<text x="8" y="${top + 17}" class="row">${escape(row.name)} <tspan class="unit">${escape(row.unit)}, ${row.better} is better</tspan></text>`
  return [title, ...row.results.map((result, index) => {
    const y = top + TITLE + index * (BAR + GAP), length = Math.max(1, at(result.median)), middle = y + BAR / 2
    const spread = result.samples.length > 1 ? `<path d="M${LABEL + at(result.p10)} ${middle}H${LABEL + at(result.p90)}" class="spread"/>` : ""
    return `<text x="${LABEL - 8}" y="${y + 12}" class="name">${escape(result.name)}</text><rect x="${LABEL}" y="${y}" width="${length}" height="${BAR}" fill="${colour(result.name, index === 0)}"/>${spread}<text x="${LABEL + Math.max(length, at(result.p90)) + 8}" y="${y + 12}" class="value">${number(result.median)}${index === 0 ? "" : ` (${times(result.ratio)})`}</text>`
  })].join("\n")
}

/** `logarithmic` where the slowest is a hundred times the fastest; the chart says so. */
export const chart = (title: string, rows: ReadonlyArray<Row>, logarithmic: boolean): string => {
  const drawn = rows.filter(({ results }) => results.length > 0)
  const heights = drawn.map(({ results }) => TITLE + results.length * (BAR + GAP) + 10)
  const height = TOP + heights.reduce((sum, each) => sum + each, 0) + 6
  const tops = heights.map((_, index) => TOP + heights.slice(0, index).reduce((sum, each) => sum + each, 0))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<style>text { font: 12px sans-serif; fill: #1f2328 } .title { font-size: 15px; font-weight: bold } .row { font-weight: bold } .unit { font-weight: normal; fill: #59636e } .name { text-anchor: end } .value { fill: #59636e } .spread { stroke: #1f2328; stroke-width: 1 }</style>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="8" y="24" class="title">${escape(title)}${logarithmic ? " <tspan class=\"unit\">(logarithmic)</tspan>" : ""}</text>
${drawn.map((row, index) => bars(row, tops[index]!, logarithmic)).join("\n")}
</svg>
`
}
