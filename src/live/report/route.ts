import { KernelError } from '../../core/errors.ts';
import { objectLine } from '../../text/json.ts';
import { type Route, type RouteSettings, UnavailableError } from '../route.ts';
import { parseReportQuery } from './query.ts';
import { openReport, type ReportKernel } from './report.ts';
import type { ReportPage } from './types.ts';

async function* linesOf(pages: AsyncIterable<ReportPage>): AsyncGenerator<string> {
  for await (const page of pages) yield `${objectLine(page)}\n`;
}

/** `/v1/report`: a ReportPage a line, one each interval; see `ReportQuery`. */
export const createReportRoute = ({ kernel }: Pick<RouteSettings, 'kernel'>): Route => ({
  path: '/v1/report',
  async open(query, signal) {
    const asked = parseReportQuery(query);
    try {
      return linesOf(await openReport(kernel as ReportKernel, asked, signal));
    } catch (error) {
      throw error instanceof KernelError ? new UnavailableError(error.message, { cause: error }) : error;
    }
  },
});
