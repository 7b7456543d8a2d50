#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# inside.sh: the session in the lab, started by its init: runs what lab.sh has put into the directory that both
# share (virtio-fs "lab", here /run/lab), on the terminal /dev/hvc0, and leaves its status there.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LC_ALL=C

mkdir -p /run/lab /run/lock
mount -t virtiofs lab /run/lab || exit 1
exec <>/dev/hvc0 >&0 2>&1
stty -opost -echo
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir /lab
mount -t tmpfs -o mode=1777 tmp /lab
# Not below /run, where templates are kept apart from the state.
export TMPDIR=/lab
ip link set lo up
# As on a host with systemd: processes in a cgroup below the root, and controllers for those beside it
mkdir /sys/fs/cgroup/session
echo $$ >/sys/fs/cgroup/session/cgroup.procs
sed 's/[a-z]\+/+&/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
bash /run/lab/command
echo $? >/run/lab/status
umount /run/lab
