// The platform that a browser is: IndexedDB, Web Locks, BroadcastChannel.

import { openDB } from "idb";
import type { Changes, Channel, Platform, Storage } from "./platform.ts";

const STORE = "records";

export function browserPlatform(): Platform {
  return {
    open: openStorage,
    channel: openChannel,
    exclusive: (name, work) =>
      navigator.locks.request(name, work) as ReturnType<typeof work>,
    socket: (url, protocol) => new WebSocket(url, protocol),
    now: () => Date.now(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
}

// Changes are computed before a transaction opens: Firefox ends one that waits
// for anything else.
async function openStorage(name: string): Promise<Storage> {
  const db = await openDB(name, 1, {
    upgrade: (fresh) => void fresh.createObjectStore(STORE),
    // Another tab wants to upgrade or delete: do not stand in its way.
    blocking: (_current, _blocked, event) =>
      (event.target as IDBDatabase).close(),
  });
  return {
    get: (key) => db.get(STORE, key),
    async list(prefix) {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const { store } = db.transaction(STORE);
      const [keys, values] = await Promise.all([
        store.getAllKeys(range),
        store.getAll(range),
      ]);
      return keys.map((key, i) => [String(key), values[i]]);
    },
    async write(changes: Changes) {
      const tx = db.transaction(STORE, "readwrite", { durability: "strict" });
      for (const [key, value] of changes) {
        if (value === undefined) void tx.store.delete(key);
        else void tx.store.put(value, key);
      }
      await tx.done;
    },
    close: () => db.close(),
  };
}

function openChannel(name: string): Channel {
  const inner = new BroadcastChannel(name);
  const channel: Channel = {
    post: (message) => inner.postMessage(message),
    onmessage: undefined,
    close: () => inner.close(),
  };
  inner.onmessage = (event) => channel.onmessage?.(event.data);
  return channel;
}
