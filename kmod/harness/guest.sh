#!/bin/sh
# The first program of a virtual machine of the tests: makes what programs expect of a system, runs the job, says how it ended.
#
# /job/nonce   a word that marks this script's own lines, so that nothing a job prints is taken for them
# /job/share   present where the host's root file system is to be the job's (beneath a layer of memory, which takes all writes)
# /job/run     the job, a shell script
#
# The kernel's log goes to the first serial port, the job's output and this script's marks to the second.
export PATH=/bin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /tmp /run
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
mount -t securityfs security /sys/kernel/security
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
stty -F /dev/ttyS1 raw -echo
exec > /dev/ttyS1 2>&1 < /dev/null
hostname rvisor-test
ip link set lo up

read -r nonce < /job/nonce
echo "$nonce up $(uname -r)"
for module in /modules/*.ko; do
  [ -e "$module" ] || continue
  insmod "$module" || echo "$nonce note: $module does not load"
done

# Ends the machine, and says what the job came to.
finish() {
  sync
  echo "$nonce end $1"
  sleep 0.1
  poweroff -f
}

if [ -e /job/share ]; then
  mkdir -p /host /layer /root
  mount -t tmpfs layer /layer
  mkdir -p /layer/upper /layer/work
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro,cache=loose host /host &&
    mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root || finish 125
  for place in proc sys dev; do mount --move "/$place" "/root/$place"; done
  for place in tmp run; do [ -d "/root/$place" ] || mkdir "/root/$place"; done
  mount -t tmpfs run /root/run
  mkdir /root/run/job
  mount --bind /job /root/run/job
  cp -a /t /root/run/job-files
  # Not only chroot: a process whose root is not that of its mount namespace may make no user namespace.
  cd /root
  mount --move . /
  chroot . /bin/sh -c 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root; cd /run/job-files && exec sh /run/job/run'
  code=$?
else
  cd /t
  sh /job/run
  code=$?
fi
finish $code
