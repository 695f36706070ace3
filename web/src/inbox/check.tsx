// Whether the chat is on the customer's page: the page is opened with a code in
// its address, and the widget there reports itself under that code.  What it
// reports passes through the service, which could have made it up: this tells
// a slip from a success, and proves nothing.

import { useEffect, useRef, useState } from "preact/hooks";

import type { CheckResult, Inbox } from "../client/types.ts";
import { Check, Warning } from "../ui/icons.tsx";
import { Field } from "./field.tsx";
import { recall, remember } from "./remember.ts";
import { OWN_RELEASE } from "./release.ts";

/** After this long, a page that has not reported is not likely to. */
const SLOW_MS = 30_000;

type State = "idle" | "waiting" | "slow" | "failed" | CheckResult;

/** Of this machine; such pages are seldom served over TLS. */
const LOCAL = /^([a-z0-9-]+\.)*localhost(?=[:/?#]|$)/i;

/** An address as people type it, with the code behind it. */
export function checkAddress(typed: string, code: string): string | undefined {
  const text = typed.trim();
  const scheme = LOCAL.test(text) ? "http" : "https";
  const full = /^[a-z]+:\/\//i.test(text) ? text : `${scheme}://${text}`;

  try {
    const url = new URL(full);
    const local = LOCAL.test(url.hostname);
    const web = url.protocol === "https:" || url.protocol === "http:";

    if (!web || (!local && !url.hostname.includes("."))) return undefined;
    url.hash = `sealchat-check=${code}`;
    return url.href;
  } catch {
    return undefined;
  }
}

/** What is wrong with what the page runs; undefined when all is well. */
function fault(found: CheckResult, generation: number): string | undefined {
  if (/^0*$/.test(found.release)) {
    return "The chat is on your page, but its snippet carries no hash, so the page would run whatever is served to it. Copy the whole snippet again.";
  }
  if (found.release !== OWN_RELEASE) {
    return "The chat is on your page, in another release than this inbox knows. Copy the snippet again, to every page that has it.";
  }
  if (generation > 1 && found.minGeneration < generation) {
    return "The chat is on your page, but its snippet still accepts keys that you have replaced. Copy the snippet again.";
  }
  if (found.minGeneration > generation) {
    return "The snippet on your page asks for newer keys than this device knows. Reload this inbox; if that does not help, copy the snippet again.";
  }
  return undefined;
}

function Outcome(props: { state: State; generation: number; host: string }) {
  const { state, generation, host } = props;

  if (state === "idle") return null;
  if (state === "waiting") {
    return <p class="outcome">Waiting for {host} to answer…</p>;
  }
  if (state === "failed") {
    return (
      <p class="outcome">
        The check could not be made. Reload this page and try again.
      </p>
    );
  }
  if (state === "slow") {
    return (
      <p class="outcome">
        Nothing has come from {host} yet. Is the snippet on that very page, just
        before its end? If the page has a content security policy, it has to
        allow the service in <code>script-src</code> and{" "}
        <code>connect-src</code>. The check goes on.
      </p>
    );
  }
  const problem = fault(state, generation);

  return problem === undefined ? (
    <div class="outcome good" data-check="good">
      <Check />
      <div>
        <strong>The chat is on your page</strong>
        <p>
          It runs the release and accepts the keys that this inbox expects. The
          answer came through the service, which could forge it; the safety
          number of a conversation is what proves more.
        </p>
      </div>
    </div>
  ) : (
    <div class="outcome bad" data-check="bad">
      <Warning />
      <p>{problem}</p>
    </div>
  );
}

export function SiteCheck({ inbox }: { inbox: Inbox }) {
  const [typed, setTyped] = useState(() => recall("site-address"));
  const [problem, setProblem] = useState<string>();
  const [opened, setOpened] = useState("");
  const [state, setState] = useState<State>("idle");
  const latest = useRef("");

  useEffect(() => {
    if (state !== "waiting") return;
    const timer = setTimeout(() => setState("slow"), SLOW_MS);

    return () => clearTimeout(timer);
  }, [state]);
  // What is reported to a page that is gone concerns nobody.
  useEffect(() => () => void (latest.current = ""), []);

  const begin = () => {
    if (checkAddress(typed, "") === undefined) {
      setProblem("Type the address of a page that has the snippet, such as www.example.com.");
      return;
    }
    const { code, result } = inbox.check();
    const address = checkAddress(typed, code) ?? "";

    remember("site-address", typed.trim());
    latest.current = code;
    setOpened(address);
    setState("waiting");
    result.then(
      (found) => latest.current === code && setState(found),
      () => latest.current === code && setState("failed"),
    );
    open(address, "_blank", "noopener");
  };

  return (
    <form
      class="site-check"
      onSubmit={(event) => {
        event.preventDefault();
        begin();
      }}
    >
      <Field
        label="Your page with the snippet"
        name="site-address"
        autocomplete="url"
        value={typed}
        change={(value) => {
          setTyped(value);
          setProblem(undefined);
        }}
        problem={problem}
        hint="It opens in a new tab, and the chat on it reports here."
      />
      <button type="submit" class="button">
        {state === "idle" ? "Check my page" : "Check again"}
      </button>
      <div role="status">
        <Outcome
          state={state}
          generation={inbox.devices?.generation ?? 1}
          host={opened === "" ? "" : new URL(opened).host}
        />
      </div>
      {(state === "waiting" || state === "slow") && (
        <p class="note">
          No new tab?{" "}
          <a href={opened} target="_blank" rel="noopener">
            Open your page here
          </a>
        </p>
      )}
    </form>
  );
}
