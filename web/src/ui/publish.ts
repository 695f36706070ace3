// What a customer publishes beside the snippet, so that others can compare:
// a file on its site and a record in its DNS (`sealchatctl verify`).

export interface Published {
  readonly cid: string;
  /** Origin of the service. */
  readonly service: string;
  readonly minGeneration: number;
}

export const WELL_KNOWN = "/.well-known/sealchat.json";
/** Before the domain: the name of the record. */
export const RECORD = "_sealchat";

export function wellKnown({ cid, service, minGeneration }: Published): string {
  const fields = { cid, service, min_generation: minGeneration };

  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** The text of the TXT record. */
export function dnsRecord({ cid, minGeneration }: Published): string {
  return `v=sealchat1 cid=${cid} min-generation=${minGeneration}`;
}
