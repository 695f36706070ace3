"""The systems that are measured: each starts from its folder in bench/peers,
on a free port of loopback, in a folder of its own, and ends with the run."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
UNPACKED = os.path.join(BUILD, "peers", "root")
NGINX = "/usr/sbin/nginx"
MODULE = os.path.join(BUILD, "module", "ngx_http_sealchat_module.so")
DELIVER_BYTES = 804  # a DELIVER of an envelope of 782 bytes, as a frame

LIBC = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """A program that this machine does not have."""


class Failed(Exception):
    """A round or a system that gives no figure, and why."""


def find(*names):
    """A file of a peer's package: unpacked below build/, or installed."""
    for name in names:
        for base in (UNPACKED, "/"):
            path = os.path.join(base, name)
            if os.path.exists(path):
                return path
    raise Missing(f"{os.path.basename(names[0])} is not on this machine")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_us():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def children(pid):
    """Of all its threads; none if it has ended."""
    found = []
    if not os.path.exists(f"/proc/{pid}/task"):
        return found
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            found += [int(word) for word in f.read().split()]
    return found


def family(pid):
    return [pid] + [p for child in children(pid) for p in family(child)]


class System:
    """One of them.  `processes` are what it consists of."""

    kind = ""  # what build/bench/load calls it
    title = ""
    says = ""  # one line for the report
    path = "/"
    colour = "other"
    pools = ""  # of nginx, where its configuration leaves room for them

    def __init__(self, name, folder, workers=1, tls=None):
        self.name = name
        self.workers = workers
        self.tls = tls
        self.dir = os.path.join(folder, name)
        os.makedirs(self.dir)
        self.port = free_port()
        self.tls_port = free_port()
        self.processes = []
        self.traced = False

    # -- what each of them says

    def check(self):
        """Raises Missing."""

    def launch(self):
        raise NotImplementedError

    def version(self):
        return ""

    # -- starting and ending

    def conf(self, kind, name):
        """Writes that file of bench/peers with this run's values."""
        with open(os.path.join(ROOT, "bench", "peers", kind, name)) as f:
            text = f.read()
        values = {
            "dir": self.dir,
            "port": self.port,
            "tls_port": self.tls_port,
            "core_port": free_port(),
            "workers": self.workers,
            "origin": self.origin(),
            "tls": self.tls,
            "files": 20000,
            "user": "user root;" if os.getuid() == 0 else "",
            "module": self.module() if "@module@" in text else "",
            "pools": self.pools,
        }
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def module(self):
        return MODULE

    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def run(self, *command, env=None):
        if self.traced:
            command = ("strace", "-f", "-ttt", "-qq", "--seccomp-bpf", "-o",
                       os.path.join(self.dir, f"syncs.{len(self.processes)}"),
                       "-e", "trace=fsync,fdatasync,msync,sync_file_range",
                       *command)
        with open(os.path.join(self.dir, "output"), "ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.dir, env=env, preexec_fn=die_with_us)
        self.processes.append(process)
        return process

    def run_peer(self, path, *rest):
        env = dict(os.environ)
        if path.startswith(UNPACKED):
            env["LD_LIBRARY_PATH"] = ":".join(
                os.path.join(UNPACKED, part)
                for part in ("usr/lib/x86_64-linux-gnu",
                             "lib/x86_64-linux-gnu",
                             "usr/lib/aarch64-linux-gnu",
                             "lib/aarch64-linux-gnu"))
        return self.run(path, *rest, env=env)

    def run_nginx(self, kind):
        conf = self.conf(kind, "nginx.conf")
        nginx = self.run(NGINX, "-p", self.dir, "-c", conf, "-e",
                         os.path.join(self.dir, "error.log"))
        # The master listens before its workers are there.
        workers = self.workers + self.traced
        self.until(lambda: len(family(nginx.pid)) > workers)
        return nginx

    def start(self, traced=False):
        self.traced = traced
        self.check()
        self.launch()
        self.until(lambda: self.listens(self.port))

    def listens(self, port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def until(self, ready):
        end = time.monotonic() + 20
        while not ready():
            if (time.monotonic() > end
                    or any(p.poll() is not None for p in self.processes)):
                raise Failed(f"{self.name} did not start:\n{self.log()}")
            time.sleep(0.02)

    def log(self):
        text = ""
        for name in sorted(os.listdir(self.dir)):
            path = os.path.join(self.dir, name)
            if (name.endswith(".log") or name == "output") \
                    and os.path.isfile(path):
                with open(path, errors="replace") as f:
                    text += f.read()[-2000:]
        return text

    def end(self):
        for process in reversed(self.processes):
            # strace passes nothing on: what it runs is ended itself.
            pids = children(process.pid) if self.traced else [process.pid]
            for pid in pids if process.poll() is None else []:
                os.kill(pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                for pid in reversed(family(process.pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()

    def stop(self):
        self.end()
        self.processes = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def pids(self):
        """All server processes, with their children."""
        return [pid for p in self.processes for pid in family(p.pid)]

    def traced_syncs(self, began, ended):
        """System calls that sync between these times, of a traced system that
        has ended.  Lines are: process, time, call."""
        count = 0
        for i in range(len(self.processes)):
            with open(os.path.join(self.dir, f"syncs.{i}")) as f:
                for line in f:
                    words = line.split(None, 2)
                    count += ("sync" in line and "resumed>" not in line
                              and began <= float(words[1]) <= ended)
        return count

    # -- load

    def load_arguments(self):
        return ["--peer", self.kind, "--origin", self.origin(),
                "--url", f"127.0.0.1:{self.port}{self.path}"]

    def counters(self):
        """What the system itself counts; {} if nothing is asked."""
        return {}


def first_line(*command, env=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=20, env=env)
    except OSError:
        return ""
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]


class SealChat(System):
    kind = "sealchat"
    path = "/sealchat"
    colour = "ours"
    says = ("as shipped: nginx with the module, sealchatd, clients that "
            "authenticate; STORED and DELIVER leave after the sync")

    @property
    def title(self):
        return f"SealChat, {self.workers} worker" + "s" * (self.workers > 1)

    def check(self):
        for path in (NGINX, MODULE, f"{BUILD}/sealchatd",
                     f"{BUILD}/sealchatctl", f"{BUILD}/t/tools/link-echo"):
            if not os.path.exists(path):
                raise Missing(f"{path} is missing; run make")

    def launch(self):
        self.run(f"{BUILD}/sealchatd", "-c",
                 self.conf("sealchat", "sealchatd.conf"))
        self.until(lambda: os.path.exists(f"{self.dir}/link.sock")
                   and os.path.exists(f"{self.dir}/admin.sock"))
        self.run_nginx("sealchat")

    def version(self):
        return f"nginx {first_line(NGINX, '-v').split('/')[-1]}"

    def counters(self):
        text = subprocess.run(
            [f"{BUILD}/sealchatctl", "-s", f"{self.dir}/admin.sock",
             "metrics"], capture_output=True, text=True, check=True).stdout
        wanted = {"_commits_total": "batches",
                  "_sync_duration_seconds_count": "transactions",
                  "_delivered_messages_total": "delivered"}
        found = {}
        for line in text.splitlines():
            words = line.split()
            for end, name in wanted.items():
                if words and words[0].endswith(end):
                    found[name] = int(float(words[1]))
        if len(found) != len(wanted):
            raise Failed(f"sealchatctl metrics lacks {wanted}")
        return found


class LinkEcho(System):
    """link-echo behind the nginx of a SealChat that runs."""

    kind = "link-echo"
    path = "/echo"
    title = "link-echo"
    says = ("the same nginx and module, with a sidecar that has its messages "
            "without a store")

    def __init__(self, folder, host, messages):
        super().__init__("link-echo", folder)
        self.host = host
        self.messages = messages
        self.port = host.port

    def launch(self):
        self.run(f"{BUILD}/t/tools/link-echo", "--pour", str(self.messages),
                 "--pour-bytes", str(DELIVER_BYTES),
                 f"{self.host.dir}/echo.sock")
        self.until(lambda: os.path.exists(f"{self.host.dir}/echo.sock"))

    def pids(self):
        return super().pids() + family(self.host.processes[1].pid)


class Nchan(System):
    kind = "nchan"
    colour = "memory"
    says = "in memory; acknowledged when queued"

    @property
    def title(self):
        return f"nchan, {self.workers} worker" + "s" * (self.workers > 1)

    def module(self):
        return find("usr/lib/nginx/modules/ngx_nchan_module.so")

    def check(self):
        self.module()

    def launch(self):
        self.run_nginx("nchan")

    def version(self):
        return package("libnginx-mod-nchan")


class Echo(System):
    kind = "echo"
    path = "/echo"
    colour = "floor"
    title = "nginx proxy_pass to an echo"
    fault = ()  # of a control
    says = ("nginx and a bare WebSocket echo: stores nothing, knows nobody; "
            "what nginx alone makes possible")

    def check(self):
        if not os.path.exists(f"{BUILD}/bench/echo"):
            raise Missing("build/bench/echo is missing; run make")

    def launch(self):
        self.run(f"{BUILD}/bench/echo", f"{self.dir}/echo.sock", *self.fault)
        self.until(lambda: os.path.exists(f"{self.dir}/echo.sock"))
        self.run_nginx("echo")

    def version(self):
        return f"nginx {first_line(NGINX, '-v').split('/')[-1]}"


class Mosquitto(System):
    kind = "mosquitto"
    path = "/mqtt"
    colour = "memory"
    title = "mosquitto, QoS 1"
    says = "MQTT over WebSocket at QoS 1, in memory, one thread"

    def check(self):
        find("usr/sbin/mosquitto")

    def launch(self):
        self.run_peer(find("usr/sbin/mosquitto"), "-c",
                      self.conf("mosquitto", "mosquitto.conf"))

    def version(self):
        return package("mosquitto")


class Nats(System):
    kind = "nats"
    colour = "file"
    title = "NATS JetStream"
    says = ("over WebSocket, streams in files; acknowledged when written, "
            "synced every two minutes")

    def check(self):
        find("usr/sbin/nats-server", "usr/bin/nats-server")

    def launch(self):
        self.run_peer(find("usr/sbin/nats-server", "usr/bin/nats-server"),
                      "-c", self.conf("nats", "nats.conf"))

    def version(self):
        return package("nats-server")


class Redis(System):
    kind = "redis"
    colour = "durable"
    title = "Redis, append only"
    says = ("appendfsync always: acknowledged when synced; delivers to "
            "nobody, plain TCP")

    def check(self):
        find("usr/bin/redis-server")

    def launch(self):
        self.run_peer(find("usr/bin/redis-server"),
                      self.conf("redis", "redis.conf"))

    def version(self):
        return package("redis-server")


def package(name):
    """The version of a Debian package, installed or to be had."""
    done = subprocess.run(["apt-cache", "policy", name], capture_output=True,
                          text=True)
    found = dict(line.strip().split(": ", 1)
                 for line in done.stdout.splitlines() if ": " in line)
    installed = found.get("Installed", "(none)")
    return found.get("Candidate", "") if installed == "(none)" else installed


def load(system, pairs, inflight, messages, ms, *more):
    """One round of build/bench/load; what it printed, with what the system
    counted meanwhile."""
    before = system.counters()
    command = [f"{BUILD}/bench/load", *system.load_arguments(),
               "--pairs", str(pairs), "--inflight", str(inflight),
               "--messages", str(messages), "--procs", "2",
               "--pids", ",".join(map(str, system.pids())), *more]
    if ms:
        command += ["--ms", str(ms)]
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=die_with_us, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{system.name}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    after = system.counters()
    if "--away" not in more:
        result.update({key: after[key] - before[key] for key in after})
    return result


def crowd(system, connections, warm, tls):
    """build/bench/crowd on it."""
    path = {"sealchat": "/sealchat", "nchan": "/sub"}[system.kind]
    plain = f"127.0.0.1:{system.port}"
    at = f"127.0.0.1:{system.tls_port}" if tls else plain
    command = [f"{BUILD}/bench/crowd", "--peer", system.kind,
               "--origin", system.origin(), "--url", at + path,
               "--setup", plain, "--connections", str(connections),
               "--warm", str(warm),
               "--pids", ",".join(map(str, system.pids()))]
    done = subprocess.run(command + ["--tls"] * tls, capture_output=True,
                          text=True, preexec_fn=die_with_us, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{system.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)
