/** A failure that a page can act on by its code. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** Of "too-many": after how many ms it may be tried again. */
  readonly retry: number;

  constructor(code: ClientErrorCode, message: string, retry = 0) {
    super(message);
    this.name = "ClientError";
    this.code = code;
    this.retry = retry;
  }
}

export type ClientErrorCode =
  | "bad-account-name" // not 3 to 64 of a-z 0-9 . _ @ + -
  | "bad-cid" // not 43 characters of base64url
  | "bad-secret-key" // mistyped: its checksum does not hold
  | "bad-recovery-code" // likewise
  | "bad-invitation" // not 32 hexadecimal digits
  | "bad-code" // mistyped, or of no conversation that is left
  | "bad-text" // empty, or above 16 KiB of UTF-8
  | "wrong-credentials" // name, password or Secret Key: not told which
  | "too-many" // attempts from this address: retry says for how long
  | "account-taken"
  | "registration-closed"
  | "not-here" // the service does not know this customer
  | "bad-kdf" // the service asks for another key derivation
  | "not-genuine" // what the service served does not hold together
  | "declined" // the customer did not confirm the list of devices
  | "too-many-devices"
  | "already-set-up" // this browser holds a device already
  | "no-device" // this browser holds none yet
  | "no-conversation"
  | "alarm" // an alarm stands: nothing is sent
  | "refused" // the service said no; the message says what
  | "offline" // the service cannot be reached
  | "closed"; // close() was called meanwhile
