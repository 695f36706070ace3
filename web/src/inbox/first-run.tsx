// Three steps on one page, each turning into a check: create the account,
// keep the recovery kit, put the snippet on the site.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { ClientError } from "../client/errors.ts";
import type { Inbox, RecoveryKit } from "../client/types.ts";
import { Check, Mark, Warning } from "../ui/icons.tsx";
import { SiteCheck } from "./check.tsx";
import { Field } from "./field.tsx";
import { HostedLabel } from "./hosted.tsx";
import { KeepKit } from "./keep-kit.tsx";
import { KIT, remember } from "./remember.ts";
import { Snippet } from "./snippet.tsx";
import { failureWords, stepWords } from "./words.ts";

export const PASSWORD_MIN = 10;

export function Step(props: {
  number: number;
  title: string;
  state: "open" | "done" | "later";
  children: ComponentChildren;
}) {
  const { number, title, state, children } = props;

  return (
    <li class={`step ${state}`} aria-current={state === "open" ? "step" : undefined}>
      <h2>
        <span class="number" aria-hidden="true">
          {state === "done" ? <Check size={16} /> : number}
        </span>
        {title}
        {state === "done" && <span class="hidden"> (done)</span>}
      </h2>
      {state === "open" && <div class="step-body">{children}</div>}
    </li>
  );
}

export function Problem({ text }: { text: string | undefined }) {
  if (text === undefined) return null;

  return (
    <div class="alarm" role="alert">
      <Warning />
      <p>{text}</p>
    </div>
  );
}

function Create(props: { inbox: Inbox; made: (kit: RecoveryKit) => void }) {
  const [account, setAccount] = useState("");
  const [password, setPassword] = useState("");
  const [suite, setSuite] = useState<1 | 2>(2);
  // Undefined until the service asks for one.
  const [invitation, setInvitation] = useState<string>();
  const [step, setStep] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const busy = step !== undefined;
  const short = password !== "" && [...password].length < PASSWORD_MIN;

  const create = async () => {
    if ([...password].length < PASSWORD_MIN) {
      setProblem(`Choose a password of at least ${PASSWORD_MIN} characters.`);
      return;
    }
    setProblem(undefined);
    setStep("Creating the account");
    try {
      const kit = await props.inbox.register({
        account: account.trim().toLowerCase(),
        password,
        suite,
        ...(invitation?.trim() ? { invitation } : {}),
        progress: (name) => setStep(stepWords(name)),
      });
      remember(KIT, "missing");
      props.made(kit);
    } catch (error) {
      if (error instanceof ClientError && error.code === "registration-closed") {
        setInvitation(invitation ?? "");
      }
      setProblem(failureWords(error));
    } finally {
      setStep(undefined);
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void create();
      }}
    >
      <Field
        label="Account"
        name="account"
        autocomplete="username"
        value={account}
        change={setAccount}
        disabled={busy}
        hint="A name or an e-mail address. The service sees only its fingerprint."
      />
      <Field
        label="Password"
        name="password"
        autocomplete="new-password"
        value={password}
        change={setPassword}
        disabled={busy}
        secret
        hint={
          short
            ? `At least ${PASSWORD_MIN} characters; ${[...password].length} so far.`
            : `At least ${PASSWORD_MIN} characters. A short sentence is easy to keep in mind.`
        }
      />
      {invitation !== undefined && (
        <Field
          label="Invitation"
          name="invitation"
          autocomplete="off"
          value={invitation}
          change={setInvitation}
          disabled={busy}
          code
          optional
          hint="From whoever runs the service; it holds once."
        />
      )}
      <details class="experts">
        <summary>For experts: kind of keys</summary>
        <label>
          <input
            type="radio"
            name="suite"
            value="2"
            checked={suite === 2}
            disabled={busy}
            onChange={() => setSuite(2)}
          />
          X25519, fast and short (recommended)
        </label>
        <label>
          <input
            type="radio"
            name="suite"
            value="1"
            checked={suite === 1}
            disabled={busy}
            onChange={() => setSuite(1)}
          />
          RSA with 3072 bits
        </label>
      </details>
      <Problem text={problem} />
      <div class="actions">
        <button type="submit" class="button main" aria-disabled={busy}>
          {step ?? "Create account"}
        </button>
      </div>
    </form>
  );
}

export function FirstRun(props: {
  inbox: Inbox;
  service: string;
  login: () => void;
  done: () => void;
}) {
  const { inbox, service, login, done } = props;
  const [kit, setKit] = useState<RecoveryKit>();
  const [kept, setKept] = useState(false);

  return (
    <main class="setup">
      <header class="no-print">
        <Mark size={40} />
        <h1>Set up your inbox</h1>
        <p>
          Visitors of your site write to you, and nobody in between can read
          it.
          {kit === undefined && (
            <>
              {" "}
              <button type="button" class="link" onClick={login}>
                Log in to an account that you have
              </button>
            </>
          )}
        </p>
      </header>
      <ol class="steps">
        <Step
          number={1}
          title="Create your account"
          state={kit === undefined ? "open" : "done"}
        >
          <Create inbox={inbox} made={setKit} />
        </Step>
        <Step
          number={2}
          title="Keep your recovery kit"
          state={kit === undefined ? "later" : kept ? "done" : "open"}
        >
          {kit !== undefined && (
            <KeepKit
              kit={kit}
              service={service}
              kept={() => {
                remember(KIT, "");
                setKept(true);
              }}
            />
          )}
        </Step>
        <Step
          number={3}
          title="Put the chat on your site"
          state={kept ? "open" : "later"}
        >
          {kit !== undefined && (
            <>
              <p class="lead">
                Paste this before the end of <code>&lt;/body&gt;</code> on each
                page where visitors may write to you.
              </p>
              <Snippet service={service} cid={kit.cid} generation={1} />
              <SiteCheck inbox={inbox} />
              <div class="actions">
                <button type="button" class="button main" onClick={done}>
                  Open the inbox
                </button>
              </div>
            </>
          )}
        </Step>
      </ol>
      <footer class="no-print">
        <HostedLabel service={service} />
      </footer>
    </main>
  );
}
