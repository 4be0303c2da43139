"""A user at a terminal, for tests: `terminal.py '{"argv": [...], "columns": 90, "rows": 30, "steps": [...]}'`.

Starts argv as the foreground job of a terminal of its own and does the steps in order: {"expect": regex}, {"send": text},
{"resize": [columns, rows]}, {"signal": name} to the job, {"hangup": true}. Prints one JSON object: what was on the screen, the job's exit
code (128 + n for a signal), and whether the terminal's modes are as they were before.
"""
import fcntl, json, os, re, select, signal, struct, sys, termios, time

request = json.loads(sys.argv[1])
master, slave = os.openpty()


def resize(columns, rows):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(request.get("columns", 80), request.get("rows", 24))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    os.environ["TERM"] = "xterm"
    os.execvp(request["argv"][0], request["argv"])

screen = b""
seen = 0
deadline = time.monotonic() + request.get("timeout", 20)
status = None


def pump(seconds):
    global screen, status
    ready, _, _ = select.select([master], [], [], seconds)
    if ready:
        try:
            screen += os.read(master, 65536)
        except OSError:
            return
    if status is None:
        ended, raw = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = raw


failed = None
for step in request["steps"]:
    if "expect" in step:
        pattern = re.compile(step["expect"].encode(), re.S)
        while True:
            match = pattern.search(screen, seen)
            if match:
                seen = match.end()
                break
            if time.monotonic() > deadline:
                failed = "did not see " + step["expect"]
                break
            pump(0.05)
    elif "send" in step:
        os.write(master, step["send"].encode("latin-1"))
    elif "resize" in step:
        resize(*step["resize"])
    elif "signal" in step:
        os.kill(pid, getattr(signal, step["signal"]))
    elif "hangup" in step:
        os.close(slave)
        os.close(master)
        master = os.open("/dev/null", os.O_RDONLY)
        slave = -1
    if failed:
        break
while status is None and time.monotonic() < deadline and not failed:
    pump(0.05)
if status is None:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    failed = failed or "did not end"
else:
    while select.select([master], [], [], 0.2)[0]:  # what is still on its way to the screen
        before_read = len(screen)
        pump(0)
        if len(screen) == before_read:
            break
restored = slave < 0 or termios.tcgetattr(slave) == before
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"screen": screen.decode("utf-8", "replace"), "code": code if code >= 0 else 128 - code, "restored": restored, "failed": failed}))
