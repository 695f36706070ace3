// A labelled input with its hint or problem.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

export interface FieldProps {
  label: string;
  value: string;
  change: (value: string) => void;
  name: string;
  autocomplete: string;
  hint?: ComponentChildren;
  problem?: string | undefined;
  secret?: boolean;
  code?: boolean;
  disabled?: boolean;
  optional?: boolean;
}

export function Field(props: FieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const note = props.problem ?? props.hint;
  // Preact types each kind of input apart, and a union of them not at all.
  const type = (props.secret && !shown ? "password" : "text") as "text";

  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <div class="input">
        <input
          id={id}
          name={props.name}
          type={type}
          class={props.code ? "code" : ""}
          value={props.value}
          autocomplete={props.autocomplete}
          autocapitalize="none"
          spellcheck={false}
          required={!props.optional}
          disabled={props.disabled ?? false}
          aria-invalid={props.problem !== undefined}
          aria-describedby={note === undefined ? undefined : `${id}-note`}
          onInput={(event) => props.change(event.currentTarget.value)}
        />
        {props.secret && (
          <button
            type="button"
            class="link show"
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          >
            {shown ? "Hide" : "Show"}
          </button>
        )}
      </div>
      {note !== undefined && (
        <p id={`${id}-note`} class={props.problem ? "note problem" : "note"}>
          {note}
        </p>
      )}
    </div>
  );
}
