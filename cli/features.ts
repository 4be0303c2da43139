/**
 * The kernel features that rvisor uses, as `rvisor-sentry --probe` names them: what each is for, what is lost without it, and how
 * to get it.
 */

export interface Feature {
  readonly name: string
  /** `required`: the default policy does not run without it. `one of limits`: limits need one of them. `extra`: something is slower, or one thing is missing. */
  readonly need: "required" | "control groups" | "extra"
  readonly use: string
  readonly lost: string
  readonly remedy: string
}

const userNamespaces =
  "as root: sysctl -w user.max_user_namespaces=65536; Debian: sysctl -w kernel.unprivileged_userns_clone=1; Ubuntu 24.04: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for rvisor; in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
const kernelConfig = (option: string, since: string): string => `a kernel built with ${option} (since Linux ${since})`
const kernel = (since: string): string => `Linux ${since} or newer`

export const features: ReadonlyArray<Feature> = [
  {
    name: "user-namespaces", need: "required",
    use: "a plain user gets namespaces; the guest has no capability, not even in its own",
    lost: "a plain user cannot start a sandbox (root can)", remedy: userNamespaces
  },
  { name: "mount-namespace", need: "required", use: "the guest's own view of the file system", lost: "no sandbox can be started", remedy: userNamespaces },
  { name: "pid-namespace", need: "required", use: "the guest sees and signals its own processes only; all of them die together", lost: "no sandbox can be started", remedy: kernelConfig("CONFIG_PID_NS", "3.8") },
  { name: "net-namespace", need: "required", use: "no network: a private loopback and nothing else", lost: "only --network host can run", remedy: kernelConfig("CONFIG_NET_NS", "3.0") },
  {
    name: "proc-mount", need: "required", use: "a /proc of the guest's own processes", lost: "no sandbox can be started",
    remedy: "in a container: an unmasked /proc (Docker: --security-opt systempaths=unconfined; Kubernetes: procMount: Unmasked)"
  },
  { name: "seccomp-filter", need: "required", use: "the list of system calls that the guest may make", lost: "no sandbox can be started", remedy: kernelConfig("CONFIG_SECCOMP_FILTER", "3.5") },
  {
    name: "landlock", need: "required", use: "a second boundary around files, behind the mount table",
    lost: "the default policy refuses to start; --landlock optional runs with one layer less",
    remedy: `${kernelConfig("CONFIG_SECURITY_LANDLOCK", "5.13")}, and landlock in the boot parameter lsm=`
  },
  { name: "mount-setattr", need: "required", use: "read-only views of whole trees, made without a race", lost: "no sandbox can be started", remedy: kernel("5.12") },
  { name: "openat2", need: "required", use: "the view is built without following a symbolic link", lost: "no sandbox can be started", remedy: kernel("5.6") },
  { name: "close-range", need: "required", use: "no descriptor of the host reaches the guest", lost: "no sandbox can be started", remedy: kernel("5.9") },
  { name: "pidfd", need: "required", use: "the sentry watches processes by descriptors, which cannot be reused by others", lost: "no sandbox can be started", remedy: kernel("5.3") },
  { name: "memfd-seal", need: "required", use: "the plan and rvisor's own parts live in sealed memory, not in files", lost: "no sandbox can be started", remedy: kernelConfig("CONFIG_MEMFD_CREATE", "3.17") },
  {
    name: "cgroup-v2", need: "control groups", use: "--memory, --cpus and exact --processes, by version 2 of control groups",
    lost: "nothing where there is version 1; else a policy with these limits is refused",
    remedy: "as a plain user: run under a delegated group (systemd-run --user --scope -p Delegate=yes rvisor …); in a container: a writable /sys/fs/cgroup"
  },
  {
    name: "cgroup-v1", need: "control groups", use: "the same limits, by version 1", lost: "nothing where there is version 2; else the same",
    remedy: "nothing, where version 2 is there; else mount the controllers memory, pids and cpu, writable for the caller"
  },
  { name: "overlayfs", need: "extra", use: "--overlay: copy on write", lost: "a policy with an overlay refuses to start", remedy: `${kernelConfig("CONFIG_OVERLAY_FS", "3.18")}; for plain users since 5.11` },
  {
    name: "overlayfs-tmpfs-xattr", need: "extra", use: "overlays whose changes live in memory can delete and replace directories",
    lost: "an overlay without an upper directory refuses to start", remedy: kernelConfig("CONFIG_TMPFS_XATTR", "6.6")
  },
  { name: "seccomp-notify", need: "extra", use: "calls that the sentry answers itself", lost: "such calls stop at ptrace instead, which is slower; the guest's own ptrace fails", remedy: "no outer sandbox that forbids it or has a listener itself; " + kernel("5.0") },
  { name: "seccomp-notify-sync-wakeup", need: "extra", use: "the sentry answers on the guest's CPU: a tenth of the time", lost: "answers are slower", remedy: kernel("6.6") },
  { name: "seccomp-addfd", need: "extra", use: "the sentry gives the guest descriptors", lost: "such calls go through ptrace, which is slower", remedy: kernel("5.9") },
  {
    name: "ptrace", need: "extra", use: "tracing, and calls that are changed on their way", lost: "policies that need either refuse to start",
    remedy: "in a container: the capability SYS_PTRACE; sysctl -w kernel.yama.ptrace_scope=1"
  }
]
