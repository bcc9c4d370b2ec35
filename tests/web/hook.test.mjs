// The React hook of the older guide, as printed there, in a real browser against a real collector.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { build } from "esbuild";

import { launch, open } from "./browser.mjs";
import {
  agentBeside,
  Collector,
  freePort,
  PASSWORD,
  until,
} from "./programs.mjs";

const guide = readFileSync(
  join(import.meta.dirname, "fixtures/realtime-dashboard-guide.md"),
  "utf8",
);

/** The block of code of the guide that begins like this, byte for byte. */
function printed(start) {
  const found = guide
    .split("```javascript\n")
    .find((block) => block.startsWith(start));
  assert.ok(found, `the guide has no code that begins with ${start}`);
  return found.slice(0, found.indexOf("```"));
}

const hook = printed("import { useState, useEffect, useRef } from 'react';");
const component = printed("import React from 'react';");

/** The guide's component with another address, token and rooms; its hook is not touched. */
async function script({ url, token, tenantId }) {
  const written = component
    .replace("'ws://localhost:8080/ws/dashboard'", JSON.stringify(url))
    .replace("'your-jwt-token'", JSON.stringify(token))
    .replace("'your-tenant-id'", JSON.stringify(tenantId) ?? "undefined");
  const files = {
    "./main": `import React from 'react'; import { createRoot } from 'react-dom/client'; import { RealtimeDashboard } from './component';
      createRoot(document.getElementById('root')).render(<RealtimeDashboard />);`,
    "./component": written,
    "./useDashboardWebSocket": hook,
  };
  const printedFiles = {
    name: "printed",
    setup(builder) {
      builder.onResolve({ filter: /^\.\// }, ({ path }) =>
        path in files ? { path, namespace: "printed" } : undefined,
      );
      builder.onLoad({ filter: /.*/, namespace: "printed" }, ({ path }) => ({
        contents: files[path],
        loader: "jsx",
        resolveDir: import.meta.dirname,
      }));
    },
  };
  const built = await build({
    entryPoints: ["./main"],
    bundle: true,
    write: false,
    format: "iife",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [printedFiles],
  });
  return built.outputFiles[0].text;
}

const HTML =
  '<!doctype html><meta charset="utf-8"><title>hook</title><div id="root"></div><script src="/hook.js"></script>';

let browser;
/** What a test started and has to be ended. */
let started = [];

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const one of started.reverse()) await (one.remove?.() ?? one.close());
  started = [];
});

async function house() {
  const collector = new Collector({ FAROL_ADMIN_PASSWORD: PASSWORD });
  started.push(collector);
  await collector.ready();
  // Asking signs in.
  await collector.api("/api/v1/resources");
  return collector;
}

/** Somebody else's web server that shows the guide's component: its address. */
async function elsewhere(code) {
  const server = createServer((request, response) => {
    const isScript = request.url === "/hook.js";
    response.setHeader(
      "content-type",
      isScript ? "text/javascript" : "text/html",
    );
    response.end(isScript ? code : HTML);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  started.push({ close: () => server.close() });
  return `http://127.0.0.1:${server.address().port}/`;
}

async function visit() {
  const one = await open(browser);
  started.push(one.context);
  return one.page;
}

/** A real agent beside a service, and what its application tells it. */
async function application(collector) {
  const port = await freePort();
  const agent = agentBeside(collector, "shop", {
    FAROL_HTTP_LISTEN: `127.0.0.1:${port}`,
    FAROL_STATSD_LISTEN: "off",
  });
  started.push(agent);
  const tell = async (event) => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(event),
    });
    assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  };
  await until(
    "the agent to listen",
    async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
  );
  return tell;
}

const sent = (n) => ({
  type: "MessageSent",
  payload: {
    message_id: `m${n}`,
    to: "ana",
    status: "sent",
    timestamp: Date.now(),
  },
});

/** What the component shows. */
async function shown(page) {
  const [messages, conversations, cpu] = await page
    .locator(".metric-card .value")
    .allInnerTexts();
  return {
    status: await page.locator(".connection-status").innerText(),
    messages,
    conversations,
    cpu,
    events: await page.locator(".event-type").allInnerTexts(),
    times: await page.locator(".event-time").allInnerTexts(),
    alerts: await page.locator(".alert-item").allInnerTexts(),
  };
}

const socketOf = (collector) =>
  `${collector.url.replace(/^http/, "ws")}/ws/dashboard`;

test("the printed hook, on a page from elsewhere, shows figures, events and alerts, and comes back after a restart", async () => {
  const collector = await house();
  const tell = await application(collector);
  const page = await visit();
  await page.goto(
    await elsewhere(
      await script({ url: socketOf(collector), token: collector.token }),
    ),
  );
  await until(
    "the connection",
    async () => (await shown(page)).status === "Status: Connected",
  );
  await until("figures of this machine", async () =>
    /^[1-9]\d?%$|^100%$/.test((await shown(page)).cpu),
  );
  await tell(sent(1));
  await tell({
    type: "ConversationStarted",
    payload: { conversation_id: "c1", customer: "ana" },
  });
  await tell({
    type: "SystemAlert",
    payload: {
      rule_id: "queue_depth",
      condition: "depth > 10",
      threshold: 10,
      current_value: 12.5,
    },
  });
  const whole = await until("events, figures and alerts", async () => {
    const now = await shown(page);
    return (
      now.events.length >= 3 &&
      now.messages === "1" &&
      now.conversations === "1" &&
      now.alerts.includes("queue_depth: 12.5") &&
      now
    );
  });
  assert.deepEqual(
    whole.events.toSorted(),
    ["ConversationStarted", "MessageSent", "SystemAlert"],
    "each of them once",
  );
  // A busy machine tells of its own light as well.
  assert.equal(whole.alerts.filter((alert) => alert === "queue_depth: 12.5").length, 1, whole.alerts.join());
  assert.ok(
    whole.times.every((time) => !time.includes("Invalid")),
    whole.times.join(),
  );

  await collector.kill();
  await until(
    "that it is away",
    async () => (await shown(page)).status !== "Status: Connected",
  );
  collector.start();
  await collector.ready();
  await until(
    "the connection again",
    async () => (await shown(page)).status === "Status: Connected",
  );
  await tell(sent(2));
  const again = await until("an event after the restart", async () => {
    const now = await shown(page);
    return (
      now.events.filter((type) => type === "MessageSent").length > 1 &&
      now.messages === "2" &&
      now
    );
  });
  assert.equal(again.events.length, 4, "nothing twice");
});

test("the printed hook works from the page’s own origin beside the cookie, and narrowed to a tenant", async () => {
  const collector = await house();
  const tell = await application(collector);
  const page = await visit();
  await page.context().request.post(`${collector.url}/api/auth/login`, {
    headers: { origin: collector.url },
    data: { username: "admin", password: PASSWORD },
  });
  const code = await script({
    url: socketOf(collector),
    token: collector.token,
    tenantId: "acme",
  });
  await page.route("**/hook.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: code }),
  );
  // A document of the collector itself, with its rules for scripts and connections; its own page makes room.
  await page.goto(collector.url);
  await page.evaluate(() => {
    const root = document.createElement("div");
    root.id = "root";
    document.body.replaceChildren(root);
  });
  await page.addScriptTag({ url: "/hook.js" });
  await until(
    "the connection",
    async () => (await shown(page)).status === "Status: Connected",
  );
  await tell(sent(1));
  await tell({ ...sent(2), tenant: "globex" });
  await tell({
    type: "TicketCreated",
    tenant: "acme",
    payload: { ticket_id: "t1", customer: "ana", issue: "none" },
  });
  const now = await until("the tenant’s event", async () => {
    const seen = await shown(page);
    return seen.events.length > 0 && seen;
  });
  assert.deepEqual(now.events, ["TicketCreated"]);
});

test("from elsewhere neither a wrong token nor the cookie of somebody signed in lets the hook in", async () => {
  const collector = await house();
  const page = await visit();
  await page.context().request.post(`${collector.url}/api/auth/login`, {
    headers: { origin: collector.url },
    data: { username: "admin", password: PASSWORD },
  });
  const closed = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => closed.push(String(payload)));
    socket.on("close", () => closed.push("closed"));
  });
  await page.goto(
    await elsewhere(await script({ url: socketOf(collector), token: "wrong" })),
  );
  await until(
    "two refusals",
    async () => closed.filter((what) => what === "closed").length >= 2,
  );
  assert.ok(
    closed.every((what) => what === "closed" || what === ""),
    `something was told: ${closed.join()}`,
  );
  assert.equal((await shown(page)).cpu, "0%");
});

test("the hook is the one of the guide", () => {
  assert.ok(
    hook.includes("message_type: 'Subscription'") &&
      hook.includes("setTimeout(connect, 3000); // Auto-reconnect"),
  );
  assert.ok(hook.endsWith("}\n"));
});
