// SPDX-License-Identifier: Apache-2.0
// Tries:      to reach the services of the host that do as they are told: Docker, containerd, D-Bus, the journal, systemd, the X server, an
//             agent for keys; and the one that the test has made.
// Known from: docker.sock in containers, CVE-2019-14271, CVE-2021-3560 (polkit by D-Bus).
// Must:       fail: none of their sockets is in the view.
// Control:    plain, with a server at ARGUMENT
// Argument:   path of a server's socket
// Behind:     the filter is not what holds this
#include "attack.h"
#include <sys/socket.h>
#include <sys/un.h>

static void attempt(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  for (const int *type = (const int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, 0}; *type; type++) {
    int s = socket(AF_UNIX, *type, 0);
    if (!connect(s, (void *)&address, sizeof address)) won("connected to %s", path);
    if (*type == SOCK_DGRAM && sendto(s, "x", 1, 0, (void *)&address, sizeof address) == 1) won("sent to %s", path);
    // Another kind of socket listens there: then it is reached all the same.
    if (errno == EPROTOTYPE || errno == ECONNREFUSED) won("%s is there", path);
    close(s);
  }
}

int main(int argc, char **argv) {
  char path[128];
  if (argc > 1) attempt(argv[1]);
  for (const char *const *name = (const char *const[]){"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
       "/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify", "/run/systemd/journal/socket",
       "/run/systemd/journal/stdout", "/run/systemd/journal/dev-log", "/dev/log", "/run/udev/control", "/run/snapd.socket", "/run/libvirt/libvirt-sock", "/tmp/.X11-unix/X0", "/tmp/.ICE-unix/1", 0}; *name; name++)
    attempt(*name);
  for (int uid = 0; uid <= 1000; uid += 1000) {
    snprintf(path, sizeof path, "/run/user/%d/bus", uid);
    attempt(path);
    snprintf(path, sizeof path, "/run/user/%d/wayland-0", uid);
    attempt(path);
  }
  for (const char *const *name = (const char *const[]){"SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DOCKER_HOST", 0}; *name; name++)
    if (getenv(*name)) won("the environment tells %s", *name);
  held();
}
