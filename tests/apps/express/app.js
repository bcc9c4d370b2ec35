// A small real Express application for the tests, with the same routes as the Django one.
"use strict";

const express = require("express");

const app = express();
app.disable("x-powered-by");
const farol = process.env.SHOP_MIDDLEWARE && require(process.env.SHOP_MIDDLEWARE);
if (farol) {
  app.use(farol());
}
app.get("/hello", (request, response) => response.type("text").send("hello"));
app.get("/users/:number", (request, response) => response.type("text").send(`user ${request.params.number}`));
app.get("/slow", (request, response) => setTimeout(() => response.type("text").send("at last"), 600));
app.get("/boom", () => {
  throw new TypeError("missing on purpose");
});
if (farol) {
  app.use(farol.errors);
}
app.use((error, request, response, next) => (response.headersSent ? next(error) : response.status(500).send("failed")));
const [port, host] = process.argv.slice(2);
const server = app.listen(Number(port), host);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
