// Starts the real service: sealchatd and an nginx with the module, as ordinary
// processes, with everything they write in one folder.  Tests and the demo use
// it alike; it depends on nothing but Node.

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ServiceOptions {
  /** Where nginx listens, on all loopback names; free by default. */
  readonly port?: number;
  /** The service's origin; http://127.0.0.1:<port> by default. */
  readonly origin?: string;
  /** The programs under address and undefined sanitizers: true by default. */
  readonly sanitized?: boolean;
  readonly registration?: "open" | "off" | "invitation";
  /** Lines of the section, instead of none. */
  readonly limits?: string;
  /** Of sealchatd: info by default. */
  readonly logLevel?: string;
  /** Another sealchatd than the build's, and what is in its environment. */
  readonly sidecar?: string;
  readonly sidecarEnv?: Record<string, string>;
  /** The socket that nginx connects to, if not sealchatd's own. */
  readonly link?: string;
  /** nginx configuration inside the service's server {}. */
  readonly locations?: string;
  /** nginx configuration inside http {}: further servers. */
  readonly servers?: string;
  /** Everything is written here and stays; by default a temporary folder that
   * stop() removes. */
  readonly folder?: string;
}

export interface RunningService {
  readonly port: number;
  readonly origin: string;
  /** Of the chat, without the query. */
  readonly url: string;
  readonly folder: string;
  readonly sidecarPid: number | undefined;
  /** Ends sealchatd, at once unless another signal is named. */
  killSidecar(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  startSidecar(): Promise<void>;
  /** Ends nginx at once, and every connection with it. */
  stopNginx(): Promise<void>;
  startNginx(): Promise<void>;
  /** Starts nginx's workers anew with the same configuration. */
  reload(): Promise<void>;
  /** What sealchatctl answers, in JSON: one object a line. */
  ctl(...words: string[]): Record<string, unknown>[];
  /** The sidecar's, as Prometheus reads them. */
  metrics(): string;
  /** Ends everything.  Rejects if a sanitizer had anything to say, or a
   * process did not end as it should. */
  stop(): Promise<void>;
}

const READY_WITHIN = 20_000;
const END_WITHIN = 20_000;

export async function startService(
  options: ServiceOptions = {},
): Promise<RunningService> {
  const service = new Service(options, options.port ?? (await freePort()));
  try {
    await service.start();
  } catch (error) {
    await service.stop().catch(() => undefined);
    throw error;
  }
  return service;
}

/** A TCP port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** The root of the repository, wherever this file was bundled to. */
export function repository(): string {
  let folder = dirname(resolve(process.argv[1] ?? "."));
  while (!existsSync(join(folder, "include/sealchat/frames.h"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("not inside the repository");
    folder = parent;
  }
  return folder;
}

class Service implements RunningService {
  readonly port: number;
  readonly origin: string;
  readonly url: string;
  readonly folder: string;
  readonly #options: ServiceOptions;
  readonly #build: string;
  readonly #sanitized: boolean;
  #sidecar: ChildProcess | undefined;
  #nginx: ChildProcess | undefined;

  constructor(options: ServiceOptions, port: number) {
    this.#options = options;
    this.#sanitized = options.sanitized ?? true;
    this.#build = join(repository(), this.#sanitized ? "build/asan" : "build");
    this.port = port;
    this.origin = options.origin ?? `http://127.0.0.1:${port}`;
    this.url = `ws://127.0.0.1:${port}/sealchat`;
    // A Unix socket's path has at most 107 bytes: not under a long TMPDIR.
    const parent = tmpdir().length < 60 ? tmpdir() : "/tmp";
    this.folder = options.folder ?? mkdtempSync(join(parent, "sealchat-"));
  }

  get sidecarPid(): number | undefined {
    return this.#sidecar?.pid;
  }

  async start(): Promise<void> {
    for (const name of ["nginx", "store"]) {
      mkdirSync(join(this.folder, name), { recursive: true });
    }
    await writeFile(join(this.folder, "sealchatd.conf"), this.#sidecarConf());
    await writeFile(join(this.folder, "nginx.conf"), this.#nginxConf());
    await this.startSidecar();
    await this.startNginx();
  }

  async startSidecar(): Promise<void> {
    const log = join(this.folder, "sealchatd.log");
    const before = await readFile(log, "utf8").catch(() => "");
    const program = this.#options.sidecar ?? join(this.#build, "sealchatd");
    this.#sidecar = this.#spawn(
      program, ["-c", join(this.folder, "sealchatd.conf")], "sealchatd",
      this.#options.sidecarEnv ?? {});
    await this.#until("sealchatd", this.#sidecar, async () => {
      const text = await readFile(log, "utf8").catch(() => "");
      return text.slice(before.length).includes("ready: ");
    });
  }

  async killSidecar(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const sidecar = this.#sidecar;
    this.#sidecar = undefined;
    if (sidecar) await end(sidecar, signal);
  }

  async stopNginx(): Promise<void> {
    const nginx = this.#nginx;
    this.#nginx = undefined;
    if (nginx) await end(nginx, "SIGTERM");
  }

  ctl(...words: string[]): Record<string, unknown>[] {
    const program = join(this.#build, "sealchatctl");
    const options = ["-c", join(this.folder, "sealchatd.conf"), "-j"];
    return execFileSync(program, [...options, ...words], { encoding: "utf8" })
      .trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  metrics(): string {
    return execFileSync(
      join(this.#build, "sealchatctl"),
      ["-c", join(this.folder, "sealchatd.conf"), "metrics"],
      { encoding: "utf8" });
  }

  async reload(): Promise<void> {
    this.#nginx?.kill("SIGHUP");
    await sleep(200);
  }

  async stop(): Promise<void> {
    const nginx = this.#nginx;
    const sidecar = this.#sidecar;
    this.#nginx = this.#sidecar = undefined;
    const ends = [
      nginx && (await end(nginx, "SIGTERM")),
      sidecar && (await end(sidecar, "SIGTERM")),
    ];
    const reports = await this.#reports();
    const bad = ends.some((status) => status !== undefined && status !== 0);
    if (bad || reports) {
      throw new Error(
        `sealchatd or nginx did not end well (${ends}), see ${this.folder}:` +
          `\n${reports}${await this.#tail()}`,
      );
    }
    if (!this.#options.folder) {
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  async startNginx(): Promise<void> {
    // nginx itself is not built with the sanitizers that its module needs.
    const preload = this.#sanitized
      ? { LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}` }
      : {};
    this.#nginx = this.#spawn(
      "/usr/sbin/nginx",
      ["-p", this.folder, "-c", join(this.folder, "nginx.conf"),
        "-e", join(this.folder, "nginx.log")],
      "nginx",
      preload,
    );
    await this.#until("nginx", this.#nginx, async () => {
      const answer = await fetch(`http://127.0.0.1:${this.port}/sealchat`);
      await answer.arrayBuffer();
      return answer.status === 426;
    });
  }

  #spawn(
    program: string,
    args: string[],
    name: string,
    env: Record<string, string>,
  ): ChildProcess {
    const out = openSync(join(this.folder, `${name}.out`), "a");
    const log = `log_path=${join(this.folder, `sanitizer-${name}`)}`;
    // nginx leaves its pools to the end of the process.
    const leaks = name === "nginx" ? "detect_leaks=0:" : "";
    const child = spawn(program, args, {
      cwd: this.folder,
      stdio: ["ignore", out, out],
      env: {
        ...process.env,
        ASAN_OPTIONS: `${leaks}${log}`,
        UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
        ...env,
      },
    });
    closeSync(out);
    // Should this process end without stop(), nothing may stay behind.
    const orphan = () => void child.kill("SIGTERM");
    process.once("exit", orphan);
    child.once("exit", () => process.off("exit", orphan));
    return child;
  }

  async #until(
    name: string,
    child: ChildProcess,
    holds: () => Promise<boolean>,
  ): Promise<void> {
    let failed = "";
    child.once("error", (error) => (failed = String(error)));
    const deadline = Date.now() + READY_WITHIN;
    while (!(await holds().catch(() => false))) {
      if (child.exitCode !== null || child.signalCode) failed ||= "it ended";
      if (failed || Date.now() > deadline) {
        throw new Error(
          `${name} did not get ready: ${failed || "in time"}\n` +
            (await this.#reports()) + (await this.#tail()),
        );
      }
      await sleep(50);
    }
  }

  async #reports(): Promise<string> {
    let text = "";
    for (const name of await readdir(this.folder)) {
      if (!name.startsWith("sanitizer-")) continue;
      text += await readFile(join(this.folder, name), "utf8");
    }
    return text;
  }

  async #tail(): Promise<string> {
    let text = "";
    for (const name of ["sealchatd.log", "sealchatd.out", "nginx.log", "nginx.out"]) {
      const lines = await readFile(join(this.folder, name), "utf8").catch(() => "");
      if (lines) text += `--- ${name}\n${lines.split("\n").slice(-20).join("\n")}\n`;
    }
    return text;
  }

  #sidecarConf(): string {
    return [
      "[service]",
      `origin = ${this.origin}`,
      `registration = ${this.#options.registration ?? "open"}`,
      "[link]",
      `listen = ${this.folder}/link.sock`,
      "[store]",
      `path = ${this.folder}/store`,
      "map_size = 1g",
      "[quotas]",
      "first_bytes = none",
      "first_messages = none",
      "[limits]",
      this.#options.limits ?? "enabled = off",
      "[log]",
      `level = ${this.#options.logLevel ?? "info"}`,
      `file = ${this.folder}/sealchatd.log`,
      "",
    ].join("\n");
  }

  #nginxConf(): string {
    // Started by root, workers stay root: nobody else can read the build tree
    // and the link's socket for certain.
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `    ${name}_temp_path ${this.folder}/nginx/${name};`)
      .join("\n");
    return `${user}
daemon off;
worker_processes 2;
pid ${this.folder}/nginx.pid;
error_log ${this.folder}/nginx.log info;
load_module ${this.#build}/module/ngx_http_sealchat_module.so;

events {
    worker_connections 1024;
}

http {
${temp}
    access_log ${this.folder}/access.log;
    types {
        text/html html;
        text/css css;
        text/javascript js mjs;
        image/svg+xml svg;
        application/json json;
    }
    charset utf-8;

    upstream sealchat {
        server unix:${this.#options.link ?? `${this.folder}/link.sock`};
    }

    server {
        listen 127.0.0.1:${this.port};
        server_name 127.0.0.1 ${new URL(this.origin).hostname};

        location = /sealchat {
            sealchat_pass sealchat;
        }
${this.#options.locations ?? ""}
    }
${this.#options.servers ?? ""}
}
`;
  }
}

function library(name: string): string {
  return execFileSync("gcc", [`-print-file-name=${name}`]).toString().trim();
}

/** Its exit status, or the signal that ended it. */
async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
): Promise<number | string> {
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  if (child.exitCode === null && !child.signalCode) {
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), END_WITHIN);
    await ended;
    clearTimeout(late);
  }
  return child.exitCode ?? child.signalCode ?? "?";
}
