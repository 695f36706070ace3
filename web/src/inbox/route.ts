// Which screen is shown stands in the address, so that the way back is the
// browser's own.

import { useEffect, useState } from "preact/hooks";

export interface Route {
  readonly sid: string | undefined;
  readonly details: boolean;
}

function parse(hash: string): Route {
  const found = /^#(?:c\/([0-9a-f]{64}))?(\/details)?$/.exec(hash);

  return { sid: found?.[1], details: found?.[2] !== undefined };
}

export function addressOf({ sid, details }: Route): string {
  return `#${sid === undefined ? "" : `c/${sid}`}${details ? "/details" : ""}`;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));

  useEffect(() => {
    const follow = () => setRoute(parse(location.hash));

    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  return route;
}

export function go(route: Route): void {
  location.hash = addressOf(route);
}
