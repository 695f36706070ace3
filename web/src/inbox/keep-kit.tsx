// The second step of setting up: the kit is kept, and that is asked for. A few
// characters that can only be read off the kit open the next step.

import { useEffect, useRef, useState } from "preact/hooks";

import type { RecoveryKit } from "../client/types.ts";
import { Field } from "./field.tsx";
import { Kit } from "./kit.tsx";

const ordinals = [
  "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
  "ninth", "tenth", "eleventh", "twelfth",
] as const;

interface Asked {
  readonly name: string;
  readonly label: string;
  readonly group: string;
}

/** One whole group of the secret; the last one is shorter. */
function ask(name: string, title: string, secret: string): Asked {
  const groups = secret.split("-").slice(0, -1);
  const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const at = random % Math.min(groups.length, ordinals.length);

  return {
    name,
    label: `The ${ordinals[at]} group of the ${title}`,
    group: groups[at] ?? "",
  };
}

/** As secrets are read: case and spaces do not matter, nor what looks alike. */
function plain(text: string): string {
  return text
    .toUpperCase()
    .replace(/[\s-]/g, "")
    .replace(/[IL]/g, "1")
    .replaceAll("O", "0");
}

function Confirm(props: {
  kit: RecoveryKit;
  again: () => void;
  kept: () => void;
}) {
  const { kit, again, kept } = props;
  const [asked] = useState(() => [
    ask("secret-key-group", "Secret Key", kit.secretKey),
    ask("recovery-code-group", "recovery code", kit.recoveryCode),
  ]);
  const [typed, setTyped] = useState(["", ""]);
  const [checked, setChecked] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const wrong = asked.map(({ group }, i) => plain(typed[i] ?? "") !== group);

  useEffect(() => form.current?.querySelector("input")?.focus(), []);

  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong.includes(true)) kept();
        else setChecked(true);
      }}
    >
      <p class="lead">
        Look at the copy that you keep, and type two groups of five characters
        from it.
      </p>
      <div class="groups">
        {asked.map(({ name, label }, index) => (
          <Field
            key={name}
            name={name}
            label={label}
            autocomplete="off"
            code
            value={typed[index] ?? ""}
            problem={
              checked && wrong[index]
                ? "That is not what the kit says. A group is the five characters between two hyphens."
                : undefined
            }
            change={(value) => {
              setChecked(false);
              setTyped((old) => old.map((was, i) => (i === index ? value : was)));
            }}
          />
        ))}
      </div>
      <div class="actions">
        <button type="submit" class="button main">
          Continue
        </button>
        <button type="button" class="button" onClick={again}>
          Show the kit again
        </button>
      </div>
    </form>
  );
}

export function KeepKit(props: {
  kit: RecoveryKit;
  service: string;
  kept: () => void;
}) {
  const { kit, service, kept } = props;
  const [confirming, setConfirming] = useState(false);

  // The kit exists nowhere else: leaving the page now would lose it.
  useEffect(() => {
    const hold = (event: BeforeUnloadEvent) => event.preventDefault();

    addEventListener("beforeunload", hold);
    return () => removeEventListener("beforeunload", hold);
  }, []);

  if (confirming) {
    return <Confirm kit={kit} again={() => setConfirming(false)} kept={kept} />;
  }
  return (
    <>
      <p class="lead no-print">
        You need it to log in on another device, and to restore the account if
        the password is lost. Nobody can reset this for you, not even us: print
        the kit now.
      </p>
      <Kit kit={kit} service={service} />
      <div class="actions no-print">
        <button
          type="button"
          class="button"
          onClick={() => setConfirming(true)}
        >
          I have printed or saved it
        </button>
      </div>
      <p class="note no-print">It is not shown again after this step.</p>
    </>
  );
}
