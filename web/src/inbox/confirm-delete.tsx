// Asked before a conversation is deleted for good.

import type { Conversation } from "../client/types.ts";
import { Dialog } from "./dialog.tsx";

export function ConfirmDelete(props: {
  conversation: Conversation;
  remove: () => void;
  close: () => void;
}) {
  const { conversation, remove, close } = props;

  return (
    <Dialog title="Delete this conversation?" close={close}>
      <p>
        {conversation.deleted
          ? "It is gone from the service already. This removes the copy on this device, for good."
          : "It is removed from the service and from this device, for good. The visitor is told so. Your other devices keep what they have until you delete it there."}
      </p>
      <div class="actions">
        <button type="button" class="button danger" onClick={remove}>
          Delete for good
        </button>
        <button type="button" class="button" onClick={close}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
