#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# inside.sh: the session in the lab, started by its init, or by systemd: runs what lab.sh has put into the directory that both
# share (virtio-fs "lab", here /run/lab), on the terminal /dev/hvc0, and leaves its status there.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LC_ALL=C

mkdir -p /run/lab /run/lock
mount -t virtiofs lab /run/lab || exit 1
exec <>/dev/hvc0 >&0 2>&1
stty -opost -echo
mkdir /lab
mount -t tmpfs -o mode=1777 tmp /lab
# Not below /run, where templates are kept apart from the state.
export TMPDIR=/lab
ip link set lo up
# What systemd does by itself. Processes are in a cgroup below the root, and there are controllers for those beside it.
if [ ! -e /run/systemd/system ]; then
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
	mkdir /sys/fs/cgroup/session
	echo $$ >/sys/fs/cgroup/session/cgroup.procs
	sed 's/[a-z]\+/+&/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi
bash /run/lab/command
echo $? >/run/lab/status
umount /run/lab
