// Holds classic dashboards against Grafana's own types: the dashboard, and each panel's options and custom field
// settings against those of its panel plugin.
//
//   node check.mjs DIR DASHBOARD.json...      DIR holds node_modules; generated files are written there
//
// Prints what the compiler says, each line with the dashboard's name, and exits 1 if it says anything.
import { readFileSync, writeFileSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { spawnSync } from "node:child_process";

const [folder, ...boards] = process.argv.slice(2);
const out = join(folder, "src");
rmSync(out, { recursive: true, force: true });
mkdirSync(out);

// Panel type -> its file of types. A type that is not here fails the check.
const PANELS = {
  bargauge: "bargauge/panelcfg/x/BarGaugePanelCfg_types.gen",
  nodeGraph: "nodegraph/panelcfg/x/NodeGraphPanelCfg_types.gen",
  stat: "stat/panelcfg/x/StatPanelCfg_types.gen",
  table: "table/panelcfg/x/TablePanelCfg_types.gen",
  text: "text/panelcfg/x/TextPanelCfg_types.gen",
  timeseries: "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
};

// JSON holds the values of enums, which TypeScript takes only by name.
const plain = `
type Plain<T> = T extends string ? \`\${T}\` : T extends number ? (number extends T ? number : \`\${T}\` extends \`\${infer N extends number}\` ? N : never)
  : T extends boolean | null | undefined ? T : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
`;

const files = boards.map((path) => {
  const board = JSON.parse(readFileSync(path, "utf8"));
  const lines = ['import type { Dashboard } from "@grafana/schema";', plain];
  lines.push(`export const board: Plain<Dashboard> = ${JSON.stringify(board, null, 2)};`);
  const panels = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter((panel) => panel.type !== "row");
  for (const panel of panels) {
    const types = PANELS[panel.type];
    if (!types) {
      console.error(`${basename(path)}: panel ${panel.id} is a ${panel.type}, whose types check.mjs does not name`);
      process.exitCode = 1;
      continue;
    }
    const from = `import("@grafana/schema/dist/esm/raw/composable/${types}")`;
    lines.push(`export const options${panel.id}: Plain<Partial<${from}.Options>> = ${JSON.stringify(panel.options ?? {})};`);
    const custom = panel.fieldConfig?.defaults?.custom;
    if (custom) lines.push(`export const custom${panel.id}: Plain<Partial<${from}.FieldConfig>> = ${JSON.stringify(custom)};`);
  }
  const file = join(out, basename(path).replace(/\.json$/, ".ts"));
  writeFileSync(file, lines.join("\n") + "\n");
  return file;
});

const tsc = join(folder, "node_modules", "typescript", "bin", "tsc");
const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--target", "esnext"];
const run = spawnSync(process.execPath, [tsc, ...flags, ...files], { encoding: "utf8" });
process.stdout.write(run.stdout ?? "");
process.stderr.write(run.stderr ?? "");
if (run.status !== 0) process.exitCode = 1;
