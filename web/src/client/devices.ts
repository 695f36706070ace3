import { signkeyIdOf } from "../crypto/names.ts";
import { copy, toHex } from "../wire/bytes.ts";
import type { Roster } from "../wire/roster.ts";
import * as ask from "./ask.ts";
import { succeeds, verifyRoster, type KnownRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";
import type { DeviceList } from "./types.ts";

/** A roster as a person reads it; own is this device's signkey_id. */
export async function deviceListOf(
  roster: Roster,
  own: string,
): Promise<DeviceList> {
  const { notBefore, notAfter, generation } = roster;
  const devices = [];
  for (const pk of roster.devices) {
    const id = toHex(await signkeyIdOf(pk));
    devices.push({ id, mine: id === own });
  }
  return { devices, notBefore, notAfter, generation };
}

/** When each device was listed for the last time anew, by its id; of the
 * rosters from the first to this one.  Empty if they do not lead to it. */
export async function listedSince(
  stream: Stream,
  roster: KnownRoster,
): Promise<Map<string, number>> {
  const since = new Map<string, number>();
  let last: KnownRoster | undefined;
  while (last?.id !== roster.id) {
    const version: number = (last?.version ?? 0) + 1;
    const { rosters } = await ask.rosters(stream, { version });
    if (!rosters.length || version > roster.version) return new Map();
    for (const { bytes } of rosters) {
      const next = await verifyRoster(copy(bytes), roster.cid);
      if (last && !succeeds(last, next)) return new Map();
      const listed = next.devices.map(toHex);
      for (const pk of since.keys()) if (!listed.includes(pk)) since.delete(pk);
      for (const pk of listed) {
        if (!since.has(pk)) since.set(pk, next.notBefore);
      }
      last = next;
      if (last.id === roster.id) break;
    }
  }
  const byId = new Map<string, number>();
  for (const pk of roster.devices) {
    byId.set(toHex(await signkeyIdOf(pk)), since.get(toHex(pk))!);
  }
  return byId;
}
