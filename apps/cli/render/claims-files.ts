import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ClaimsReport } from '../../../config/claims.js';
import { claimsPage, type ReportOrigin } from './claims-page.js';
import { forestPlot } from './forest-plot.js';

/** Writes `claims.json`, `claims.svg` and `claims.md` into a folder; returns the page's path. */
export async function writeClaims(report: ClaimsReport, folder: string, origin: ReportOrigin): Promise<string> {
  await mkdir(folder, { recursive: true });
  const page = path.join(folder, 'claims.md');
  await writeFile(
    path.join(folder, 'claims.json'),
    `${JSON.stringify({ command: origin.command, ...report }, null, 2)}\n`,
  );
  await writeFile(path.join(folder, 'claims.svg'), forestPlot(report.claims));
  await writeFile(page, claimsPage(report, origin));
  return page;
}
