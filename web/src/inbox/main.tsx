// The inbox: one page, for one device of a customer.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { createInbox, type Inbox } from "../client/index.ts";
import { Bones, useChanges } from "../ui/parts.tsx";
import { speak } from "../ui/language.ts";
import { serviceAt } from "../ui/service.ts";
import { english } from "../ui/words.ts";
import { ChangeKeys, type Change } from "./change.tsx";
import { Desk } from "./desk.tsx";
import { FirstRun, Problem } from "./first-run.tsx";
import { serviceOfPage } from "./hosted.tsx";
import { Login } from "./login.tsx";
import { Recover } from "./recover.tsx";

type Setup = "create" | "login" | "recover" | "done";

function App({ inbox, service }: { inbox: Inbox; service: string }) {
  const [setup, setSetup] = useState<Setup>("done");
  const [change, setChange] = useState<Change>();
  const [loaded, setLoaded] = useState<"reading" | "read" | "failed">("reading");

  useChanges(inbox);
  useEffect(() => {
    inbox.start().then(
      () => {
        // The first run lasts until its third step, beyond the moment at
        // which the device exists.
        if (inbox.device === undefined) setSetup("create");
        setLoaded("read");
      },
      () => setLoaded("failed"),
    );
  }, [inbox]);

  if (loaded === "reading") return <Bones />;
  if (loaded === "failed") {
    return (
      <main class="setup">
        <Problem text="This browser does not let the inbox keep anything on this device, so it cannot be used here. A private window is often the reason." />
      </main>
    );
  }
  if (setup === "create") {
    return (
      <FirstRun
        inbox={inbox}
        service={service}
        login={() => setSetup("login")}
        done={() => setSetup("done")}
      />
    );
  }
  if (setup === "recover") {
    return (
      <Recover
        inbox={inbox}
        service={service}
        login={() => setSetup("login")}
        done={() => setSetup("done")}
      />
    );
  }
  if (inbox.device === undefined) {
    return (
      <Login
        inbox={inbox}
        service={service}
        create={() => setSetup("create")}
        recover={() => setSetup("recover")}
      />
    );
  }
  if (change !== undefined) {
    return (
      <ChangeKeys
        inbox={inbox}
        service={service}
        change={change}
        done={() => setChange(undefined)}
      />
    );
  }
  return <Desk inbox={inbox} service={service} begin={setChange} />;
}

speak(english);

const service = serviceAt(serviceOfPage());
const root = document.getElementById("inbox");

if (root !== null) {
  render(
    <App inbox={createInbox({ service })} service={service.origin} />,
    root,
  );
}
