// Runs before everything else in a page, or in Node: tells every secret that
// SubtleCrypto is given or makes.  Keys that cannot be exported are made
// exportable for the moment in which they are told.

export function eavesdrop(scope: {
  crypto: Crypto;
  tellSecret?: (name: string, hex: string) => unknown;
}): void {
  const { subtle } = scope.crypto;
  const real = {
    importKey: subtle.importKey.bind(subtle) as any,
    exportKey: subtle.exportKey.bind(subtle) as any,
    generateKey: subtle.generateKey.bind(subtle) as any,
    deriveBits: subtle.deriveBits.bind(subtle) as any,
    unwrapKey: subtle.unwrapKey.bind(subtle) as any,
  };
  const tell = (name: string, data: ArrayBuffer | ArrayBufferView) => {
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    let hex = "";
    for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
    void scope.tellSecret?.(name, hex);
  };
  const nameOf = (algorithm: any): string =>
    typeof algorithm === "string" ? algorithm : algorithm.name;

  /** Tells a key that can be exported, and gives what was asked for. */
  const told = async (key: CryptoKey, algorithm: any, extractable: boolean) => {
    const format = key.type === "secret" ? "raw" : "pkcs8";
    const data = await real.exportKey(format, key);
    const name = nameOf(algorithm);
    tell(`a key of ${name}`, data);
    // The private key itself is what PKCS #8 ends with.
    if (format === "pkcs8" && name.endsWith("25519")) {
      tell(`a private key of ${name}`, data.slice(-32));
    }
    return extractable
      ? key
      : real.importKey(format, data, algorithm, false, key.usages);
  };
  const replace = (name: string, value: unknown) =>
    Object.defineProperty(subtle, name, { value, configurable: true });

  replace("importKey", async (format: string, data: any, algorithm: any, ...rest: unknown[]) => {
    const name = nameOf(algorithm);
    const isPublic = format === "spki" || (format === "raw" && name.endsWith("25519"));
    if (format !== "jwk" && !isPublic) tell(`what was imported for ${name}`, data);
    return real.importKey(format, data, algorithm, ...rest);
  });

  replace("generateKey", async (algorithm: any, extractable: boolean, usages: string[]) => {
    const made = await real.generateKey(algorithm, true, usages);
    if (made.type === "secret") return told(made, algorithm, extractable);
    return {
      publicKey: made.publicKey,
      privateKey: await told(made.privateKey, algorithm, extractable),
    };
  });

  replace("unwrapKey", async (
    format: string, wrapped: unknown, under: unknown, how: unknown,
    algorithm: any, extractable: boolean, usages: string[],
  ) => told(
    await real.unwrapKey(format, wrapped, under, how, algorithm, true, usages),
    algorithm, extractable));

  replace("deriveBits", async (algorithm: any, key: unknown, length: number) => {
    const bits = await real.deriveBits(algorithm, key, length);
    const info = algorithm.info
      ? String.fromCharCode(...new Uint8Array(algorithm.info.buffer ?? algorithm.info))
      : "";
    // A commitment is shown to everybody.
    if (!info.includes("commit")) tell(`what ${nameOf(algorithm)} derived`, bits);
    return bits;
  });
}
