#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Docker: a daemon of this file's own, in namespaces of its own, with moat as one of its runtimes.
#
# bats file_tags=moat

load helpers

# shellcheck disable=SC2154 # BATS_FILE_TMPDIR
setup_file()
{
	local dir=$BATS_FILE_TMPDIR
	# Not among the sockets that tests look for: Docker keeps connections of clients that have gone.
	SOCKETS=$(mktemp -d)
	export SOCKETS DOCKER_HOST=unix://$SOCKETS/socket
	mkdir -p "$dir/data" "$dir/factory"
	give_templates "$dir/factory"
	{
		cat "$CONFIG"
		printf '[factory]\ntemplate_path = "%s"\n' "$dir/factory"
	} >"$dir/configuration.toml"
	printf '#!/bin/sh\nexec %s --config %s/configuration.toml "$@"\n' "$BIN" "$dir" >"$dir/moat"
	cat >"$dir/daemon" <<-EOF
		mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs $dir/data && ip link set lo up &&
		exec dockerd --data-root $dir/data --exec-root /run/docker --pidfile /run/docker.pid --host $DOCKER_HOST \
			--storage-driver overlay2 --cgroup-parent /$SUITE-docker --bip 10.98.0.1/24 --default-runtime moat \
			--config-file $dir/system/etc/docker/daemon.json
	EOF
	chmod 755 "$dir/moat"
	"$TOP/contrib/clients/setup.sh" --root "$dir/system" --moat "$dir/moat" docker
	unshare --mount --net --pid --mount-proc --fork --kill-child=TERM -- sh "$dir/daemon" >"$dir/log" 2>&1 3>&- </dev/null &
	echo $! >"$dir/pid"
	within 60 docker version || { tail -n 20 "$dir/log"; return 1; }
	DAEMON=$(pgrep -P "$(cat "$dir/pid")")
	export DAEMON
	tar -C "$BASE/rootfs" -c . | docker import - busybox >/dev/null
}

teardown_file()
{
	local dir=$BATS_FILE_TMPDIR pid
	pid=$(cat "$dir/pid")
	# Also if setup_file has failed
	kill $(pgrep -P "$pid")
	within 30 not kill -0 "$pid"
	rm -r "$SOCKETS"
	remove_parent
}

# Docker leaves the parent that it was told, moat where the container that it was made for was not the last in it.
remove_parent()
{
	find /sys/fs/cgroup -depth -type d -name "$SUITE-docker" -exec rmdir {} +
}

setup()
{
	begin
	requires docker
	NAME=moat-$BATS_TEST_NUMBER
}

teardown()
{
	docker rm --force "$NAME" >/dev/null 2>&1 3>&- || true
	finish
}

# docker_ok ARG...
docker_ok()
{
	try docker "$@"
	[ "$status" = 0 ]
}

# inspect FORMAT
inspect()
{
	docker inspect --format "$1" "$NAME" 3>&-
}

# in_daemons_network COMMAND...
in_daemons_network()
{
	nsenter -t "$DAEMON" -n "$@"
}

# fetch ADDRESS PORT: a page, over bash's own TCP
fetch()
{
	in_daemons_network timeout 5 bash -c "exec 3<>/dev/tcp/$1/$2 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && cat <&3"
}

@test "docker: run: output, exit code, the guest's kernel, the network of docker's hook" {
	docker_ok run --rm busybox /bin/sh -c 'uname -r; ip -4 -o addr show eth0; ip route; ping -c 1 -W 5 10.98.0.1; netstat -lntu'
	# Nobody listens: a network without a name has no name server.
	lacks "$output" "$(uname -r)" 127.0.0.
	has "$output" "inet 10.98.0." "default via 10.98.0.1 dev eth0" "1 packets received"
	try docker run --rm busybox /bin/sh -c 'echo to stderr >&2; exit 7'
	is "$status $output $stderr" "7  to stderr"
	try docker run --rm busybox /no/such/program
	is "$status" 127
	has "$stderr" "no such file or directory"
	docker_ok run --rm --network none busybox /bin/ls /sys/class/net
	is "$output" lo
	try docker run --rm --network host busybox /bin/true
	is "$status" 125
	[[ $stderr == *"is the network namespace of the host, which a VM cannot share"* || $stderr == *"the host's network cannot be shared with a VM"* ]]
	echo "from stdin" | docker run --rm --interactive busybox /bin/cat >"$T/out" 3>&-
	is "$(cat "$T/out")" "from stdin"
}

@test "docker: a container that stays: exec, logs, ports, volumes, top, stats, pause, update, cp, stop, restart, kill" {
	mkdir "$T/volume"
	echo "from the host" >"$T/volume/file"
	docker_ok run --detach --name "$NAME" --publish 8081:80 --volume "$T/volume:/v" --memory 128m --cpus 0.5 --init busybox \
		/bin/sh -c 'trap "exit 7" TERM; echo up; mkdir /www; echo page >/www/index.html; httpd -p 80 -h /www; while :; do sleep 0.1; done'
	within 20 eval 'docker logs "$NAME" | grep up'
	docker_ok exec "$NAME" /bin/cat /v/file
	is "$output" "from the host"
	docker_ok exec --user 1000:1000 --env A=b --workdir /v "$NAME" /bin/sh -c 'id -u; echo $A; pwd'
	is "$output" $'1000\nb\n/v'
	echo "to the host" | docker exec --interactive "$NAME" /bin/sh -c 'cat >/v/answer' 3>&-
	is "$(cat "$T/volume/answer")" "to the host"
	try docker exec "$NAME" /bin/sh -c 'exit 5'
	is "$status" 5
	try docker exec "$NAME" /no/such/program
	is "$status" 126
	within 20 eval 'fetch 127.0.0.1 8081 | grep page'
	within 20 eval "fetch $(inspect '{{.NetworkSettings.IPAddress}}') 80 | grep page"
	docker_ok top "$NAME"
	has "$output" docker-init
	# The host's cgroup: what the VM uses, of what it may use at most, and the threads of QEMU and the others.
	docker_ok stats --no-stream --format '{{.PIDs}} {{.MemUsage}} {{.CPUPerc}}' "$NAME"
	[[ $output =~ ^[1-9][0-9]*\ [1-9][0-9.]*MiB\ /\ 640MiB\ [0-9.]+%$ ]]
	docker_ok pause "$NAME"
	is "$(inspect '{{.State.Status}}')" paused
	docker_ok unpause "$NAME"
	docker_ok update --memory 100m --memory-swap -1 --cpus 0.3 "$NAME"
	docker_ok exec "$NAME" /bin/cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max
	is "$output" $'104857600\n30000 100000'
	docker_ok cp "$NAME:/www/index.html" "$T/page"
	is "$(cat "$T/page")" page
	docker_ok stop --time 20 "$NAME"
	is "$(inspect '{{.State.ExitCode}}')" 7
	docker_ok start "$NAME"
	docker_ok exec "$NAME" ip route
	has "$output" "default via 10.98.0.1 dev eth0"
	docker_ok restart --time 1 "$NAME"
	docker_ok kill "$NAME"
	docker_ok wait "$NAME"
	is "$output" 137
}

# containerd asks the host's cgroup, in which nothing ran out: moat(8) says so.
@test "docker: a container that runs out of memory" {
	try docker run --name "$NAME" --memory 32m --memory-swap 32m busybox /bin/dd if=/dev/zero of=/dev/null bs=100M count=1
	is "$status" 137
	is "$(inspect '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}')" "exited 137 false"
}

@test "docker: a terminal" {
	in_terminal docker run --rm --interactive --tty --name "$NAME" busybox /bin/sh -c 'tty; stty size; read a; echo "got $a"' <<<"a line"
	has "$output" /dev/pts/0 "got a line"
}

@test "docker: devices" {
	truncate --size 1M "$T/disk"
	echo "the device" | dd of="$T/disk" conv=notrunc status=none
	local loop plain
	loop=$(losetup --find --show "$T/disk")
	try docker run --rm --device "$loop:/dev/xvda" busybox /bin/head -c 10 /dev/xvda
	plain="$status $output"
	# Privileged: that one and the guest's, of all that docker lists of the host none.
	try docker run --rm --privileged --device "$loop:/dev/xvda" busybox /bin/sh -c \
		'head -c 10 /dev/xvda; echo; ls /dev | grep "^loop[0-9]" || ls /dev/fuse; grep Seccomp: /proc/self/status'
	losetup --detach "$loop"
	is "$plain" "0 the device"
	is "$status $output" "0 the device
/dev/fuse
Seccomp:	0"
}

@test "docker: two networks and one that is connected before the start" {
	docker network create --subnet 10.97.0.0/24 "$NAME" >/dev/null 3>&-
	docker_ok create --name "$NAME" busybox /bin/sh -c 'ls /sys/class/net; ping -c 1 -W 5 10.97.0.1 && ping -c 1 -W 5 10.98.0.1'
	docker_ok network connect "$NAME" "$NAME"
	docker_ok start --attach "$NAME"
	docker rm --force "$NAME" >/dev/null 2>&1 3>&-
	docker network rm "$NAME" >/dev/null 3>&-
	has "$output" eth0 eth1
}

@test "docker: networks that are connected and disconnected while it runs" {
	links()
	{
		is "$(docker exec "$NAME" /bin/ls /sys/class/net 3>&- | tr '\n' ' ')" "$1"
	}
	local address
	docker network create --subnet 10.96.0.0/24 "$NAME" >/dev/null 3>&-
	docker_ok run --detach --name "$NAME" busybox /bin/sh -c 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www'
	docker_ok network connect "$NAME" "$NAME"
	address=$(inspect "{{(index .NetworkSettings.Networks \"$NAME\").IPAddress}}")
	[[ $address == 10.96.0.* ]]
	within 40 links "eth0 eth1 lo "
	within 20 eval 'docker exec "$NAME" nslookup "$NAME" 3>&- | grep "^Address: $address"'
	within 20 eval 'fetch "$address" 80 | grep page'
	docker_ok exec "$NAME" ping -c 1 -W 5 10.96.0.1
	# The one that it was started with goes, and with it the default route, which is the other's then.
	docker_ok network disconnect bridge "$NAME"
	within 40 links "eth1 lo "
	within 20 eval 'has "$(docker exec "$NAME" /bin/ip route 3>&-)" "default via 10.96.0.1 dev eth1"'
	within 20 eval 'fetch "$address" 80 | grep page'
	docker_ok network connect bridge "$NAME"
	within 40 links "eth1 eth2 lo "
	docker_ok network disconnect "$NAME" "$NAME"
	within 40 links "eth2 lo "
	within 20 eval "fetch \$(inspect '{{.NetworkSettings.Networks.bridge.IPAddress}}') 80 | grep page"
	docker rm --force "$NAME" >/dev/null 2>&1 3>&-
	docker network rm "$NAME" >/dev/null 3>&-
}

# serve_outside ADDRESS: a name server outside of all containers, for which every name is 10.1.2.3
serve_outside()
{
	in_daemons_network ip link add outside type bridge
	in_daemons_network ip addr add "$1/24" dev outside
	in_daemons_network ip link set outside up
	nsenter -t "$DAEMON" -n timeout 300 python3 - "$1" >"$T/outside.log" 2>&1 3>&- <<-'EOF' &
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 53))
		while True:
		    q, who = s.recvfrom(4096)
		    end = q.index(0, 12) + 5
		    s.sendto(q[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + q[12:end] + b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3', who)
	EOF
	OUTSIDE=$!
}

# The daemon serves names on loopback inside the container's namespace on the host: moat passes questions and answers on.
@test "docker: names in a network with a name: aliases, UDP and TCP, many at once, from outside, a shared network, restart" {
	local other=$NAME-other question='\0\27\42\42\1\0\0\1\0\0\0\0\0\0\5other\0\0\1\0\1'
	serve_outside 10.96.0.1
	docker network create --subnet 10.97.0.0/24 "$NAME" >/dev/null 3>&-
	docker_ok run --detach --name "$other" --network "$NAME" --network-alias other --ip 10.97.0.7 busybox /bin/sleep 1000
	docker_ok run --detach --name "$NAME" --network "$NAME" --network-alias one --ip 10.97.0.8 --dns 10.96.0.1 busybox /bin/sleep 1000
	docker_ok exec "$NAME" /bin/sh -c "cat /etc/resolv.conf; nslookup other; nslookup $other; ping -c 1 -W 5 other"
	has "$output" "nameserver 127.0.0.11" "Address: 10.97.0.7" "1 packets received"
	docker_ok exec "$other" nslookup one
	has "$output" "Address: 10.97.0.8"
	docker_ok exec "$NAME" nslookup no.such.place.example
	has "$output" "Address: 10.1.2.3"
	# The same by TCP: the answer has the question's id, and ends in the address.
	docker_ok exec "$NAME" /bin/sh -c "printf '$question' | nc 127.0.0.11 53 | xxd -p -c 1000"
	has "$output" 22228 0004"0a610007"
	# Beside a server of its own at the same port of all addresses.
	docker_ok exec "$NAME" /bin/sh -c 'echo own | nc -l -p 53 & until nc 127.0.0.1 53 </dev/null | grep own; do sleep 0.2; done; nslookup other'
	has "$output" own "Address: 10.97.0.7"
	# More processes than may ask at a time.
	docker_ok exec "$NAME" /bin/sh -c 'i=0; while [ $i -lt 150 ]; do nslookup -type=a other | grep -c 10.97.0.7 & i=$((i + 1)); done | sort | uniq -c'
	[[ $output =~ ^\ *150\ 1$ ]]
	# Who shares the network has its names.
	docker_ok run --rm --network "container:$NAME" busybox nslookup other
	has "$output" "Address: 10.97.0.7"
	docker_ok restart --time 1 "$NAME"
	docker rm --force "$other" >/dev/null 3>&-
	docker_ok run --detach --name "$other" --network "$NAME" --network-alias third --ip 10.97.0.9 busybox /bin/sleep 1000
	docker_ok exec "$NAME" nslookup third
	has "$output" "Address: 10.97.0.9"
	kill "$OUTSIDE"
	docker rm --force "$NAME" "$other" >/dev/null 3>&-
	docker network rm "$NAME" >/dev/null 3>&-
	remove_parent
}
