// Build and test settings of the page. The base is relative so that the page works under any path prefix.

import { defineConfig } from 'vitest/config';

// What every page needs from the start, as one file: cut into a dozen it compresses worse and takes more requests.
const FIRST =
  /node_modules\/(preact|@preact)\/|preload-helper|\/src\/(api\/client|i18n\/(index|format|(en|pt)(-apps|-cache|-outside)?)\.ts|live\/(answer|clock|columns|feed|fleet|link)|state\/|time\/|shell\/(connection-bar|find|keys|late|open|pages|shell|top-bar)\.|export\/wish|ui\/(announcer|icon|parts|toast)\.|outside\/states)/;

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // The content security policy allows no data: addresses, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', test: FIRST }] } } },
  },
  server: { proxy: { '/api': { target: process.env['FAROL_COLLECTOR_URL'] ?? 'http://127.0.0.1:8650', ws: true } } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
});
