// Client library and cryptography, as honest people without a browser and as
// attackers use them: of the product, and of each test build.

export { createInbox, createVisitorChat } from "../../web/src/client/index.ts";
export { nodePlatform } from "../../web/src/client/node.ts";
export { Stream } from "../../web/src/client/stream.ts";
export * as ask from "../../web/src/client/ask.ts";
export * as ed25519 from "../../web/src/crypto/ed25519.ts";
export { domain, hash } from "../../web/src/crypto/hash.ts";
export { hkdf } from "../../web/src/crypto/hkdf.ts";
export * as kem from "../../web/src/crypto/kem.ts";
export { readSecret } from "../../web/src/crypto/kit.ts";
export { openMessage, sealMessage } from "../../web/src/crypto/message.ts";
export * as names from "../../web/src/crypto/names.ts";
export { passwordKeys, recoveryKeys } from "../../web/src/crypto/password.ts";
export { idOf, signClaim, signThing, verifyThing } from "../../web/src/crypto/signed.ts";
export { sealKey, unwrapKey, wrapKey } from "../../web/src/crypto/vault.ts";
export { bodyBytes } from "../../web/src/wire/padme.ts";
