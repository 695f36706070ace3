import { signkeyIdOf } from "../crypto/names.ts";
import { toHex } from "../wire/bytes.ts";
import type { Roster } from "../wire/roster.ts";
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
