import { Hub } from "./stream/hub.js";

const ports = new Set();
const hub = new Hub((message) => {
  for (const port of ports) port.postMessage(message);
});

addEventListener("connect", (/** @type {any} */ { ports: [port] }) => {
  ports.add(port);
  port.onmessage = ({ data }) => {
    if (data.type === "leave") ports.delete(port);
    else hub.receive(data);
  };
});
