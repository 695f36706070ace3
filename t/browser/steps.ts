// Steps of one story: without the one before, none can be told.

import assert from "node:assert/strict";
import { test } from "node:test";

export type Step = (name: string, act: () => Promise<void>) => void;

export function steps(): Step {
  let broken = false;

  return (name, act) =>
    test(name, async () => {
      assert.ok(!broken, "an earlier step failed");
      try {
        await act();
      } catch (error) {
        broken = true;
        throw error;
      }
    });
}
