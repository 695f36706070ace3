// Asked before a visitor is blocked.

import { Dialog } from "./dialog.tsx";
import { visitorName } from "./names.ts";

export function ConfirmBlock(props: {
  sid: string;
  block: () => void;
  close: () => void;
}) {
  const { sid, block, close } = props;

  return (
    <Dialog title={`Block ${visitorName(sid).name}?`} close={close}>
      <p>
        The service takes nothing more from this conversation until you unblock
        it, and the visitor is told that it is blocked. What was written stays.
        The same person can still begin a new conversation from another browser.
      </p>
      <div class="actions">
        <button type="button" class="button danger" onClick={block}>
          Block
        </button>
        <button type="button" class="button" onClick={close}>
          Do not block
        </button>
      </div>
    </Dialog>
  );
}
