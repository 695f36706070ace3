// A visitor has no name: the session id gives one that is easy to tell apart
// and to say.

const colours = [
  ["Amber", "#8a5300"],
  ["Azure", "#0b66a8"],
  ["Coral", "#b23a35"],
  ["Copper", "#944a24"],
  ["Emerald", "#0b7350"],
  ["Indigo", "#4a46b5"],
  ["Jade", "#1d7160"],
  ["Olive", "#63671a"],
  ["Plum", "#86387c"],
  ["Rose", "#ad2f60"],
  ["Slate", "#4c5b70"],
  ["Teal", "#0d6e78"],
  ["Umber", "#6f543c"],
  ["Violet", "#6d3bb0"],
  ["Cobalt", "#2450b4"],
  ["Moss", "#436b25"],
] as const;

const animals = [
  "badger", "beaver", "bison", "crane", "curlew", "dolphin", "falcon", "ferret",
  "finch", "fox", "gecko", "hare", "hedgehog", "heron", "ibex", "kestrel",
  "kiwi", "lark", "lemur", "lynx", "marten", "mole", "newt", "otter",
  "owl", "panda", "puffin", "robin", "stoat", "swift", "tapir", "wren",
] as const;

export interface VisitorName {
  readonly name: string;
  readonly colour: string;
  readonly initial: string;
}

/** sid: hex, uniformly distributed, so two of its bytes are enough. */
export function visitorName(sid: string): VisitorName {
  const byte = (index: number) => parseInt(sid.slice(2 * index, 2 * index + 2), 16) || 0;
  const [word, colour] = colours[byte(0) % colours.length] ?? colours[0];
  const animal = animals[byte(1) % animals.length] ?? animals[0];

  return {
    name: `${word} ${animal}`,
    colour,
    initial: animal.slice(0, 1).toUpperCase(),
  };
}

/** Devices are told apart by the start of their key's id. */
export function deviceName(id: string): string {
  return `Device ${id.slice(0, 4).toUpperCase()}`;
}
