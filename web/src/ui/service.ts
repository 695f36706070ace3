// Where the service is: an origin from the snippet or the page, and the path
// of its WebSocket.

import type { ServiceAddress } from "../client/types.ts";

const PATH = "/sealchat";

export function serviceAt(address: string): ServiceAddress {
  let url: URL;

  try {
    url = new URL(address);
  } catch {
    throw new Error(`SealChat: "${address}" is not the address of a service.`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Error(`SealChat: "${address}" is neither https nor http.`);
  }

  const origin = url.origin;

  return { origin, url: `${origin.replace(/^http/, "ws")}${PATH}` };
}
