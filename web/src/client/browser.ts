// The platform that a browser is: IndexedDB, Web Locks, BroadcastChannel.

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

/** What a request of IndexedDB comes to. */
function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// Changes are computed before a transaction opens: Firefox ends one that waits
// for anything else.
async function openStorage(name: string): Promise<Storage> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const db = await result(opening);
  // Another tab wants to upgrade or delete: do not stand in its way.
  db.onversionchange = () => db.close();
  const reading = () => db.transaction(STORE).objectStore(STORE);
  return {
    get: (key) => result(reading().get(key)),
    async list(prefix) {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const store = reading();
      const [keys, values] = await Promise.all([
        result(store.getAllKeys(range)),
        result(store.getAll(range)),
      ]);
      return keys.map((key, i) => [String(key), values[i]]);
    },
    write(changes: Changes) {
      const options = { durability: "strict" } as const;
      const tx = db.transaction(STORE, "readwrite", options);
      const store = tx.objectStore(STORE);
      return new Promise((resolve, reject) => {
        tx.oncomplete = () => resolve();
        tx.onabort = () => reject(tx.error);
        try {
          for (const [key, value] of changes) {
            if (value === undefined) store.delete(key);
            else store.put(value, key);
          }
        } catch (error) {
          reject(error); // what cannot be cloned: none of it is written
          tx.abort();
        }
      });
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
