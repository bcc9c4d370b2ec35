// Starts the page.

import { render } from 'preact';

import { App } from './app';
import 'uplot/dist/uPlot.min.css';
import './css/tokens.css';
import './css/base.css';
import './css/frame.css';
import './css/controls.css';
import './css/overlays.css';
import './css/phone.css';
import './css/charts.css';
import './css/parts.css';
import './css/pages.css';
import './css/apps.css';
import './css/feeds.css';
import './css/checks.css';
import './css/cache.css';
import './css/outside.css';
import './css/integrations.css';
import './css/apps-narrow.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
