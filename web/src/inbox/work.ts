// Work that takes a while behind a button: which step it is at, and what came
// of it.

import { useState } from "preact/hooks";

import { ClientError } from "../client/errors.ts";
import { failureWords, stepWords } from "./words.ts";

export interface Work {
  /** What the button says meanwhile; undefined: nothing is going on. */
  readonly step: string | undefined;
  readonly problem: string | undefined;
  readonly forget: () => void;
  readonly fail: (problem: string) => void;
  /** Resolves with whether it was done. */
  readonly run: (
    first: string,
    work: (progress: (name: string) => void) => Promise<void>,
  ) => Promise<boolean>;
}

export function useWork(words = failureWords): Work {
  const [step, setStep] = useState<string>();
  const [problem, setProblem] = useState<string>();

  return {
    step,
    problem,
    forget: () => setProblem(undefined),
    fail: setProblem,
    async run(first, work) {
      setProblem(undefined);
      setStep(first);
      try {
        await work((name) => setStep(stepWords(name)));
        return true;
      } catch (error) {
        setProblem(words(error));
        return false;
      } finally {
        setStep(undefined);
      }
    },
  };
}

/** On a device that knows the account, what is wrong is known too. */
export function passwordFailure(error: unknown): string {
  return error instanceof ClientError && error.code === "wrong-credentials"
    ? "That is not the password of this account. Nothing was changed."
    : failureWords(error);
}
