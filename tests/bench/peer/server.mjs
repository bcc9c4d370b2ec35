// The peer of the benchmark of sockets: a WebSocket server of Node (`ws`) that hands every published event to every listener.
//
// node server.mjs PORT [deflate]: listens on loopback; POST /publish takes one event as JSON.

import { createServer } from "node:http";

import { WebSocketServer } from "ws";

const [port, mode] = process.argv.slice(2);
// Compression as `ws` has it, but of every message: those of events are shorter than its usual threshold.
const perMessageDeflate = mode === "deflate" ? { threshold: 0 } : false;
let number = 0;

const http = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    if (request.method === "POST") publish(JSON.parse(text));
    response.setHeader("content-length", 0);
    response.end();
  });
});
const sockets = new WebSocketServer({ server: http, perMessageDeflate });

// One text for all, as the collector makes it.
function publish({ type, payload }) {
  const time = Date.now();
  number += 1;
  const event = { time, service: 1, type, tenant: null, payload };
  const told = { room: "events", event, event_type: type, timestamp: time };
  const message = JSON.stringify({
    message_type: "Event",
    id: number,
    stream: "peer",
    payload: told,
    timestamp: time,
  });
  for (const socket of sockets.clients) socket.send(message);
}

http.listen(Number(port), "127.0.0.1");
