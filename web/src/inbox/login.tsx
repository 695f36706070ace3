// A further device: password and recovery kit open it, once the customer has
// confirmed the devices that the account already has.

import { useRef, useState } from "preact/hooks";

import type { DeviceList, Inbox } from "../client/types.ts";
import { Mark } from "../ui/icons.tsx";
import { Field } from "./field.tsx";
import { Problem } from "./first-run.tsx";
import { HostedLabel } from "./hosted.tsx";
import { deviceName } from "./names.ts";
import { failureWords, stepWords } from "./words.ts";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

export function Confirm(props: {
  list: DeviceList;
  /** What the button that goes on says. */
  yes?: string;
  answer: (yes: boolean) => void;
}) {
  const { list, answer } = props;
  const count = list.devices.length;

  return (
    <section class="card" aria-label="Confirm your devices">
      <h2>Is this what you expect?</h2>
      <p class="lead">
        This browser has never seen your account, so only you can tell whether
        the service shows its latest state.
      </p>
      <dl class="facts">
        <div>
          <dt>Devices</dt>
          <dd>
            {count === 1 ? "1 device" : `${count} devices`}
            <ul>
              {list.devices.map((device) => (
                <li key={device.id}>{deviceName(device.id)}</li>
              ))}
            </ul>
          </dd>
        </div>
        <div>
          <dt>Last renewed</dt>
          <dd>{longDate.format(list.notBefore)}</dd>
        </div>
        <div>
          <dt>Valid until</dt>
          <dd>{longDate.format(list.notAfter)}</dd>
        </div>
        <div>
          <dt>Keys changed</dt>
          <dd>
            {list.generation === 1
              ? "never"
              : list.generation === 2
                ? "once"
                : `${list.generation - 1} times`}
          </dd>
        </div>
      </dl>
      <p class="note">
        Your other devices show the same in the settings, under “Your devices”.
        If a device is missing that you added later, or one is there that you do
        not know, stop here.
      </p>
      <div class="actions">
        <button type="button" class="button main" onClick={() => answer(true)}>
          {props.yes ?? "Yes, add this device"}
        </button>
        <button type="button" class="button" onClick={() => answer(false)}>
          No, stop
        </button>
      </div>
    </section>
  );
}

export function useForm<T extends Record<string, string>>(initial: T) {
  const [values, setValues] = useState(initial);
  const bind = (name: keyof T & string) => ({
    name,
    value: values[name] ?? "",
    change: (value: string) => setValues((old) => ({ ...old, [name]: value })),
  });

  return { values, bind };
}

export function Login(props: {
  inbox: Inbox;
  service: string;
  create: () => void;
  recover: () => void;
}) {
  const { values, bind } = useForm({
    account: "",
    password: "",
    secretKey: "",
    cid: "",
  });
  const [step, setStep] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [list, setList] = useState<DeviceList>();
  const answer = useRef<(yes: boolean) => void>(undefined);
  const busy = step !== undefined;

  const confirm = (shown: DeviceList) =>
    new Promise<boolean>((resolve) => {
      setList(shown);
      answer.current = (yes) => {
        setList(undefined);
        resolve(yes);
      };
    });

  const login = async () => {
    setProblem(undefined);
    setStep("Logging in");
    try {
      await props.inbox.login({
        account: values.account.trim().toLowerCase(),
        password: values.password,
        secretKey: values.secretKey.trim(),
        cid: values.cid.trim(),
        confirm,
        progress: (name) => setStep(stepWords(name)),
      });
    } catch (error) {
      setProblem(failureWords(error));
    } finally {
      setStep(undefined);
      setList(undefined);
    }
  };

  return (
    <main class="setup">
      <header>
        <Mark size={40} />
        <h1>Log in on this device</h1>
        <p>
          You need your password and your recovery kit.{" "}
          {!busy && (
            <button type="button" class="link" onClick={props.create}>
              Create an account instead
            </button>
          )}
        </p>
      </header>
      {list !== undefined && (
        <Confirm list={list} answer={(yes) => answer.current?.(yes)} />
      )}
      {list === undefined && (
        <form
          class="card"
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) void login();
          }}
        >
          <Field
            label="Account"
            autocomplete="username"
            disabled={busy}
            {...bind("account")}
          />
          <Field
            label="Password"
            autocomplete="current-password"
            secret
            disabled={busy}
            {...bind("password")}
          />
          <Field
            label="Secret Key"
            autocomplete="off"
            code
            disabled={busy}
            hint="From the recovery kit. Spaces, dashes and capitals do not matter."
            {...bind("secretKey")}
          />
          <Field
            label="Chat code"
            autocomplete="off"
            code
            disabled={busy}
            hint="From the recovery kit: 43 characters, copied exactly."
            {...bind("cid")}
          />
          <Problem text={problem} />
          <div class="actions">
            <button type="submit" class="button main" aria-disabled={busy}>
              {step ?? "Log in"}
            </button>
            <button
              type="button"
              class="button quiet"
              disabled={busy}
              onClick={props.recover}
            >
              Use the recovery code
            </button>
          </div>
        </form>
      )}
      <footer>
        <HostedLabel service={props.service} />
      </footer>
    </main>
  );
}
