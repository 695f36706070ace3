"""Measuring: rounds that alternate between the systems, each short, so that
what else the machine does hits all of them alike."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import systems
from systems import Failed, Missing

# Pairs and messages in flight of each: saturation, few, one at a time.
SHAPES = {"many": (64, 8), "few": (64, 1), "one": (1, 1)}

# Who is measured in which shape, in the order of a round.
ORDER = {
    "many": ("sealchat-1", "nchan-1", "mosquitto", "sealchat-2", "nchan-2",
             "nats", "redis", "echo"),
    "few": ("sealchat-1", "redis", "nchan-1", "mosquitto", "nats"),
    "one": ("sealchat-1", "nchan-1", "redis", "mosquitto", "echo"),
}

AWAY = 4  # devices that come back at a time

# What docs/operations.md recommends, for nchan too.
POOLS = "connection_pool_size 512; request_pool_size 6k;"
IDLE = ("sealchat-1", "nchan-1", "nchan-1+pools")

# What an echo does to one message, and what the load generator has to say.
CONTROLS = {"lose": "message 50 is lost", "repeat": "was delivered twice"}


def say(text):
    print(text, flush=True)


class Run:
    """One run: its systems, and what was measured so far."""

    def __init__(self, plan, folder, only):
        self.plan = plan
        self.folder = folder
        self.only = only
        self.tls = make_certificate(folder)
        self.systems = {}
        self.sizes = {}  # messages of a pair, by shape and system
        self.results = {
            "load": {}, "idle": {}, "catch_up": {}, "growth": None,
            "syncs": {}, "controls": {}, "missing": {}, "failed": [],
        }

    # -- systems

    def make(self, name, folder):
        plain, _, pools = name.partition("+")
        kind, _, workers = plain.partition("-")
        workers = int(workers or 1)
        cls = {"sealchat": systems.SealChat, "nchan": systems.Nchan,
               "echo": systems.Echo, "mosquitto": systems.Mosquitto,
               "nats": systems.Nats, "redis": systems.Redis}[kind]
        system = cls(name, folder, 2 if kind == "echo" else workers, self.tls)
        system.pools = POOLS if pools else ""
        return system

    def wanted(self):
        for name in ORDER["many"]:
            kind = name.split("-")[0]
            if not self.only or kind in ("sealchat", *self.only):
                yield name

    def start(self):
        for name in self.wanted():
            system = self.make(name, self.folder)
            try:
                system.start()
            except Missing as missing:
                self.results["missing"][name] = str(missing)
                say(f"{name}: {missing}; going on without it")
                continue
            except Failed as failed:
                system.stop()
                self.failed(failed)
                self.results["missing"][name] = "it did not start"
                continue
            self.systems[name] = system

    def stop(self):
        for system in self.systems.values():
            system.stop()

    def failed(self, failed):
        say(f"FAILED {failed}")
        self.results["failed"].append(str(failed))

    def attempt(self, what, *args):
        """A figure, or None and a sentence: what failed counts as no round."""
        try:
            return what(*args)
        except (Failed, subprocess.TimeoutExpired) as failed:
            self.failed(failed)
            return None

    # -- messages

    def names(self, shape):
        return [n for n in ORDER[shape] if n in self.systems]

    def load(self, name, shape, ms):
        pairs, inflight = SHAPES[shape]
        pairs = min(pairs, self.plan["pairs"])
        size = self.sizes.get((shape, name), max(60, 4 * inflight))
        result = systems.load(self.systems[name], pairs, inflight, size, ms)
        per_ms = result["messages"] / result["seconds"] / 1000 / pairs
        self.sizes[shape, name] = max(
            size if result["seconds"] * 1000 >= ms else 0,
            int(per_ms * self.plan["ms"][shape] * 1.3) + 2 * inflight)
        if "transactions" in result:
            check_durable(name, result)
        return result

    def warm_up(self):
        if not self.plan["warm"]:
            return
        for shape in SHAPES:
            for name in self.names(shape):
                # Twice: the first says how many messages the second needs.
                for ms in (200, self.plan["ms"][shape] // 4):
                    self.attempt(self.load, name, shape, ms)

    def messages(self):
        for i in range(self.plan["rounds"]):
            for shape in SHAPES:
                names = self.names(shape)
                # Who follows whom changes from round to round.
                for name in names[i % len(names):] + names[:i % len(names)]:
                    result = self.attempt(self.load, name, shape,
                                          self.plan["ms"][shape])
                    self.keep(("load", shape, name), result)
            say(f"round {i + 1} of {self.plan['rounds']}: " + ", ".join(
                f"{name} {self.last(name) / 1000:.1f} k/s"
                for name in self.names("many")))

    def keep(self, path, result):
        at = self.results
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at.setdefault(path[-1], []).append(result)

    def last(self, name):
        result = self.results["load"]["many"][name][-1]
        return (result["delivered_per_s"] or result["stored_per_s"]) \
            if result else 0

    # -- connections that do nothing

    def crowds(self):
        for i in range(self.plan["crowds"]):
            for kind in ("plain", "tls"):
                for name in IDLE:
                    if name.split("+")[0] not in self.systems:
                        continue
                    self.keep(("idle", kind, name), self.attempt(
                        self.crowd, name, kind == "tls"))

    def crowd(self, name, tls):
        """On a fresh instance, whose memory nobody has used yet."""
        system = self.make(name, os.path.join(self.folder, "crowd"))
        try:
            system.start()
            result = systems.crowd(system, self.plan["connections"],
                                   self.plan["connections"] // 10, tls)
        finally:
            system.stop()
        say(f"idle{' over TLS' if tls else ''}, {name}: "
            f"{result['bytes']:.0f} bytes, {result['cpu_us']:.0f} us each")
        return result

    # -- a device that was away

    def catch_up(self):
        host = self.systems.get("sealchat-1")
        if host is None:
            return
        echo = systems.LinkEcho(self.folder, host, self.plan["away"])
        echo.start()
        try:
            for _ in range(self.plan["catch_ups"]):
                for name, system in (("sealchat-1", host),
                                     ("link-echo", echo)):
                    self.keep(("catch_up", name), self.attempt(
                        systems.load, system, AWAY, 8, self.plan["away"], 0,
                        "--away"))
        finally:
            echo.stop()
        say("catch-up: " + ", ".join(
            f"{name} {got[-1]['delivered_per_s'] / 1000:.0f} k/s"
            for name, got in self.results["catch_up"].items() if got[-1]))

    # -- syncs

    def syncs(self):
        """System calls that sync, for each message: one round of a separate
        instance, which strace stops at those calls alone."""
        if shutil.which("strace") is None:
            say("strace is not on this machine: syncs are not counted")
            return
        for name in self.names("many"):
            if name not in ("sealchat-2", "nchan-2"):
                found = self.attempt(self.traced, name)
                if found:
                    self.results["syncs"][name] = found

    def traced(self, name):
        system = self.make(name, os.path.join(self.folder, "traced"))
        try:
            system.start(traced=True)
            result = systems.load(system, min(64, self.plan["pairs"]), 8,
                                  max(40, self.sizes["many", name]),
                                  self.plan["ms"]["many"])
            system.end()
            calls = system.traced_syncs(result["began"], result["ended"])
        finally:
            system.stop()
        if system.kind == "sealchat":
            # LMDB's second sync of a transaction is a write of its meta page
            # through a descriptor that was opened with O_DSYNC.
            calls *= 2
        if system.kind in ("sealchat", "redis") and calls == 0:
            raise Failed(f"{name} answered without a sync")
        return {"messages": result["messages"], "calls": calls,
                "per_message": calls / result["messages"]}

    # -- whether a fault is seen

    def controls(self):
        """A message that is lost or comes twice has to fail its round."""
        for fault, says in CONTROLS.items():
            echo = self.make("echo", os.path.join(self.folder, fault))
            echo.fault = (fault,)
            try:
                echo.start()
                systems.load(echo, 2, 8, 100, 0)
            except Failed as failed:
                seen = says in str(failed)
            else:
                seen = False
            finally:
                echo.stop()
            self.results["controls"][fault] = seen
            if not seen:
                self.failed(f"control: an echo that is told to {fault} a "
                            "message was not noticed")

    # -- a store that has grown

    def growth(self):
        messages, sessions, shops = self.plan["growth"]
        folder = os.path.join(self.folder, "growth")
        os.mkdir(folder)
        say(f"growth: filling a store with {messages / 1e6:g} million "
            "messages")
        self.results["growth"] = self.attempt(run_growth, folder, messages,
                                              sessions, shops)


def run_growth(folder, messages, sessions, shops):
    """build/bench/growth up to its verdict on what is accepted."""
    folder = os.path.relpath(folder, systems.ROOT)  # sockets' paths are short
    process = subprocess.Popen(
        [f"{systems.BUILD}/bench/growth", folder, str(messages),
         str(sessions), str(shops)], cwd=systems.ROOT, text=True,
        stdout=subprocess.PIPE, preexec_fn=systems.die_with_us)
    ratio = text = None
    try:
        for line in process.stdout:
            say("  " + line.rstrip())
            if line.startswith("messages accepted a second"):
                text = line.strip()
            if "accept, full to empty" in line:
                ratio = float(line.split(":")[1].split()[0])
                break
    finally:
        for pid in reversed(systems.family(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    found = re.search(r": (\d+) with \d+ messages, (\d+) beside it", text or "")
    if ratio is None or found is None:
        raise Failed("build/bench/growth gave no figure")
    return {"messages": messages, "ratio": ratio, "text": text,
            "full_per_s": int(found[1]), "empty_per_s": int(found[2])}


def check_durable(name, result):
    """A message that was delivered without a transaction was not stored."""
    if result["delivered"] != result["messages"]:
        raise Failed(f"{name} says it delivered {result['delivered']} "
                     f"messages, and {result['messages']:.0f} came")
    if result["transactions"] == 0:
        raise Failed(f"{name} stored messages without a transaction")


def make_certificate(folder):
    tls = os.path.join(folder, "tls")
    os.mkdir(tls)
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-batch", "-keyout", f"{tls}/key.pem", "-out",
         f"{tls}/cert.pem"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"openssl makes no certificate: {done.stderr}")
    return tls


def machine():
    """What the figures depend on."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    disk = subprocess.run(["df", "--output=fstype", systems.BUILD],
                          capture_output=True, text=True).stdout.split()[-1]
    return {"processor": model, "cores": os.cpu_count(),
            "kernel": os.uname().release, "file_system": disk,
            "load_before": os.getloadavg()[0],
            "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
