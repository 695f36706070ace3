// A sheet over the page.  The browser keeps the focus in it and gives it back.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

import { Close } from "../ui/icons.tsx";

export function Dialog(props: {
  title: string;
  close: () => void;
  children: ComponentChildren;
}) {
  const { title, close, children } = props;
  const id = useId();
  const sheet = useRef<HTMLDialogElement>(null);

  useLayoutEffect(() => {
    const element = sheet.current;

    element?.showModal();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={sheet}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        // Beside the sheet lies nothing but the dialog's own backdrop.
        if (event.target === sheet.current) close();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id}>{title}</h2>
          <button
            type="button"
            class="button quiet round"
            aria-label="Close"
            onClick={close}
          >
            <Close />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
